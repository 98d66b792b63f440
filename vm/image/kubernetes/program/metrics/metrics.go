// Package metrics serves the API metrics.k8s.io for one node: what `kubectl top` shows and autoscalers follow. The
// figures are kubelet's own, which it measures for itself; nothing is stored.
package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

const (
	group   = "metrics.k8s.io"
	version = "v1beta1"
	root    = "/apis/" + group
	// window is the time over which kubelet computes the use of processors, about.
	window = 10 * time.Second
)

// Source is where the figures and the objects that they belong to come from.
type Source struct {
	// Summary is kubelet's (GET /stats/summary).
	Summary func(context.Context) (*stats.Summary, error)
	// Nodes and Pods list those that a label selector fits; pods of a namespace, or of all when that is empty.
	Nodes func(ctx context.Context, selector string) ([]v1.Node, error)
	Pods  func(ctx context.Context, namespace, selector string) ([]v1.Pod, error)
}

// Handler answers the API's requests, which its caller has authorized.
func (s Source) Handler() http.Handler {
	served := http.NewServeMux()
	answer := func(path string, make func(*http.Request) (any, error)) {
		served.HandleFunc("GET "+root+path, func(writer http.ResponseWriter, request *http.Request) {
			made, err := make(request)
			send(writer, made, err)
		})
	}
	answer("", func(*http.Request) (any, error) { return thisGroup(), nil })
	answer("/"+version, func(*http.Request) (any, error) { return resources(), nil })
	answer("/"+version+"/nodes", s.nodes)
	answer("/"+version+"/nodes/{name}", func(r *http.Request) (any, error) { return one(r, s.nodes) })
	answer("/"+version+"/pods", s.pods)
	answer("/"+version+"/namespaces/{namespace}/pods", s.pods)
	answer("/"+version+"/namespaces/{namespace}/pods/{name}", func(r *http.Request) (any, error) { return one(r, s.pods) })
	return served
}

func send(writer http.ResponseWriter, made any, err error) {
	code := http.StatusOK
	switch {
	case err != nil:
		code = http.StatusServiceUnavailable
		made = failure(code, metav1.StatusReasonServiceUnavailable, err.Error())
	case made == nil:
		code = http.StatusNotFound
		made = failure(code, metav1.StatusReasonNotFound, "there are no figures of it yet")
	}
	writer.Header().Set("Content-Type", "application/json")
	writer.WriteHeader(code)
	_ = json.NewEncoder(writer).Encode(made) // the client may have gone
}

func failure(code int, reason metav1.StatusReason, message string) metav1.Status {
	kind := metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	return metav1.Status{
		TypeMeta: kind, Status: metav1.StatusFailure, Message: message, Reason: reason, Code: int32(code),
	}
}

func typed(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{Kind: kind, APIVersion: group + "/" + version}
}

func thisGroup() metav1.APIGroup {
	served := metav1.GroupVersionForDiscovery{GroupVersion: group + "/" + version, Version: version}
	return metav1.APIGroup{
		TypeMeta: metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}, Name: group,
		Versions: []metav1.GroupVersionForDiscovery{served}, PreferredVersion: served,
	}
}

func resources() metav1.APIResourceList {
	verbs := metav1.Verbs{"get", "list"}
	return metav1.APIResourceList{
		TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: group + "/" + version,
		APIResources: []metav1.APIResource{
			{Name: "nodes", Kind: "NodeMetrics", Verbs: verbs},
			{Name: "pods", Kind: "PodMetrics", Verbs: verbs, Namespaced: true},
		},
	}
}

// one is the item of a list that the request names; nil when there is none.
func one(request *http.Request, list func(*http.Request) (any, error)) (any, error) {
	made, err := list(request)
	if err != nil {
		return nil, err
	}
	name := request.PathValue("name")
	switch found := made.(type) {
	case metrics.NodeMetricsList:
		for _, item := range found.Items {
			if item.Name == name {
				return item, nil
			}
		}
	case metrics.PodMetricsList:
		for _, item := range found.Items {
			if item.Name == name {
				return item, nil
			}
		}
	}
	return nil, nil
}

func (s Source) nodes(request *http.Request) (any, error) {
	selected, err := s.Nodes(request.Context(), request.FormValue("labelSelector"))
	if err != nil {
		return nil, err
	}
	summary, err := s.Summary(request.Context())
	if err != nil {
		return nil, err
	}
	made := metrics.NodeMetricsList{TypeMeta: typed("NodeMetricsList"), Items: []metrics.NodeMetrics{}}
	for _, node := range selected {
		if node.Name != summary.Node.NodeName {
			continue
		}
		at, used, known := usage(summary.Node.CPU, summary.Node.Memory)
		if !known {
			continue
		}
		made.Items = append(made.Items, metrics.NodeMetrics{
			TypeMeta:   typed("NodeMetrics"),
			ObjectMeta: metav1.ObjectMeta{Name: node.Name, Labels: node.Labels, CreationTimestamp: at},
			Timestamp:  at, Window: metav1.Duration{Duration: window}, Usage: used,
		})
	}
	return made, nil
}

func (s Source) pods(request *http.Request) (any, error) {
	selected, err := s.Pods(request.Context(), request.PathValue("namespace"), request.FormValue("labelSelector"))
	if err != nil {
		return nil, err
	}
	summary, err := s.Summary(request.Context())
	if err != nil {
		return nil, err
	}
	measured := map[string]stats.PodStats{}
	for _, pod := range summary.Pods {
		measured[pod.PodRef.UID] = pod
	}
	made := metrics.PodMetricsList{TypeMeta: typed("PodMetricsList"), Items: []metrics.PodMetrics{}}
	for _, pod := range selected {
		item := metrics.PodMetrics{
			TypeMeta:   typed("PodMetrics"),
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, Labels: pod.Labels},
			Window:     metav1.Duration{Duration: window}, Containers: []metrics.ContainerMetrics{},
		}
		for _, container := range measured[string(pod.UID)].Containers {
			if at, used, known := usage(container.CPU, container.Memory); known {
				item.Timestamp, item.CreationTimestamp = at, at
				item.Containers = append(item.Containers, metrics.ContainerMetrics{Name: container.Name, Usage: used})
			}
		}
		if len(item.Containers) > 0 {
			made.Items = append(made.Items, item)
		}
	}
	return made, nil
}

// usage is what was used at what time; known is false before it has been measured twice.
func usage(cpu *stats.CPUStats, memory *stats.MemoryStats) (at metav1.Time, used v1.ResourceList, known bool) {
	if cpu == nil || cpu.UsageNanoCores == nil || memory == nil || memory.WorkingSetBytes == nil {
		return at, nil, false
	}
	return cpu.Time, v1.ResourceList{
		v1.ResourceCPU:    *resource.NewScaledQuantity(int64(*cpu.UsageNanoCores), resource.Nano),
		v1.ResourceMemory: *resource.NewQuantity(int64(*memory.WorkingSetBytes), resource.BinarySI),
	}, true
}

// Kubelet asks one for its summary.
func Kubelet(client *http.Client, address string) func(context.Context) (*stats.Summary, error) {
	return func(ctx context.Context) (*stats.Summary, error) {
		place := strings.TrimSuffix(address, "/") + "/stats/summary"
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
		if err != nil {
			return nil, err
		}
		reply, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer reply.Body.Close()
		if reply.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("kubelet: %s", reply.Status)
		}
		summary := &stats.Summary{}
		return summary, json.NewDecoder(reply.Body).Decode(summary)
	}
}
