package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// summary is what a kubelet answers: a pod that is measured, and one that was measured only once.
const summary = `{
 "node": {"nodeName": "slipway", "cpu": {"time": "2026-11-30T22:00:00Z", "usageNanoCores": 250000000},
          "memory": {"workingSetBytes": 1073741824}},
 "pods": [
  {"podRef": {"name": "web", "namespace": "default", "uid": "1"}, "containers": [
   {"name": "web", "cpu": {"time": "2026-11-30T22:00:01Z", "usageNanoCores": 5000000}, "memory": {"workingSetBytes": 4096}}]},
  {"podRef": {"name": "new", "namespace": "default", "uid": "2"}, "containers": [
   {"name": "new", "cpu": {"time": "2026-11-30T22:00:01Z"}, "memory": {"workingSetBytes": 4096}}]}]}`

func pod(name, uid string) v1.Pod {
	return v1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: "default", UID: types.UID(uid), Labels: map[string]string{"app": name},
	}}
}

// source asks a kubelet that answers with the code; asked has the namespace and selector of the last request for pods.
func source(t *testing.T, code int, asked *[2]string) Source {
	kubelet := httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if request.URL.Path != "/stats/summary" {
			t.Error(request.URL)
		}
		writer.WriteHeader(code)
		_, _ = writer.Write([]byte(summary))
	}))
	t.Cleanup(kubelet.Close)
	return Source{
		Summary: Kubelet(kubelet.Client(), kubelet.URL),
		Nodes: func(context.Context, string) ([]v1.Node, error) {
			return []v1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "slipway"}}}, nil
		},
		Pods: func(_ context.Context, namespace, selector string) ([]v1.Pod, error) {
			*asked = [2]string{namespace, selector}
			if namespace == "broken" {
				return nil, errors.New("the API does not answer")
			}
			return []v1.Pod{pod("web", "1"), pod("new", "2"), pod("gone", "3")}, nil
		},
	}
}

func get(t *testing.T, from Source, path string, into any) int {
	t.Helper()
	reply := httptest.NewRecorder()
	from.Handler().ServeHTTP(reply, httptest.NewRequest(http.MethodGet, root+path, nil))
	if err := json.Unmarshal(reply.Body.Bytes(), into); err != nil {
		t.Fatal(path, reply.Body, err)
	}
	return reply.Code
}

func TestTheNodeIsMeasured(t *testing.T) {
	var found metrics.NodeMetricsList
	code := get(t, source(t, 200, &[2]string{}), "/v1beta1/nodes", &found)
	if code != 200 || len(found.Items) != 1 || found.Kind != "NodeMetricsList" {
		t.Fatal(code, found)
	}
	used := found.Items[0].Usage
	if used.Cpu().String() != "250m" || used.Memory().String() != "1Gi" {
		t.Error(used)
	}
	var one metrics.NodeMetrics
	if code := get(t, source(t, 200, &[2]string{}), "/v1beta1/nodes/slipway", &one); code != 200 || one.Name != "slipway" {
		t.Error(code, one)
	}
}

func TestOnlyPodsThatWereMeasuredAreListed(t *testing.T) {
	asked := [2]string{}
	var found metrics.PodMetricsList
	code := get(t, source(t, 200, &asked), "/v1beta1/namespaces/default/pods?labelSelector=app%3Dweb", &found)
	if code != 200 || len(found.Items) != 1 || asked != [2]string{"default", "app=web"} {
		t.Fatal(code, found, asked)
	}
	item := found.Items[0]
	if item.Name != "web" || item.Labels["app"] != "web" || item.Containers[0].Usage.Cpu().String() != "5m" {
		t.Error(item)
	}
	var status metav1.Status
	code = get(t, source(t, 200, &asked), "/v1beta1/namespaces/default/pods/new", &status)
	if code != 404 || status.Reason != metav1.StatusReasonNotFound {
		t.Error(code, status)
	}
}

func TestWhatCannotBeMeasuredIsSaid(t *testing.T) {
	var status metav1.Status
	if code := get(t, source(t, 403, &[2]string{}), "/v1beta1/pods", &status); code != 503 || status.Message == "" {
		t.Error(code, status)
	}
	code := get(t, source(t, 200, &[2]string{}), "/v1beta1/namespaces/broken/pods", &status)
	if code != 503 || status.Message != "the API does not answer" {
		t.Error(code, status)
	}
}

func TestTheAPIIsDiscovered(t *testing.T) {
	var group metav1.APIGroup
	get(t, Source{}, "", &group)
	var resources metav1.APIResourceList
	get(t, Source{}, "/v1beta1", &resources)
	if group.PreferredVersion.Version != "v1beta1" || len(resources.APIResources) != 2 {
		t.Error(group, resources)
	}
}
