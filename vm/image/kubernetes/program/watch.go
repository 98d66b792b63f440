package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"

	"slipway.invalid/kubernetes/pki"
)

// follow keeps the status's ports and node as the API has them, and has services of the type LoadBalancer know that
// they answer at localhost. It returns at once and works until ctx ends.
func follow(ctx context.Context, board *board) error {
	config, err := clientcmd.BuildConfigFromFlags("", made("admin.conf"))
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	services, nodes := factory.Core().V1().Services(), factory.Core().V1().Nodes()
	look := func(any) {
		found, _ := services.Lister().List(labels.Everything())
		ports := publishedPorts(found)
		board.update(func(s *status) { s.Ports = ports })
	}
	balance := func(changed any) {
		if service, is := changed.(*v1.Service); is {
			setBalancer(ctx, client, service)
		}
		look(nil)
	}
	_, err = services.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: balance, UpdateFunc: func(_, now any) { balance(now) }, DeleteFunc: look,
	})
	if err != nil {
		return err
	}
	seen := func(any) { board.update(func(s *status) { s.Node = nodeState(nodes.Lister()) }) }
	_, err = nodes.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: seen, UpdateFunc: func(_, now any) { seen(now) }, DeleteFunc: seen,
	})
	factory.Start(ctx.Done())
	go reportTaken(ctx, board, client, services.Lister())
	return err
}

// reportTaken has an event tell each service of its ports that the host cannot listen at, and when it can again.
func reportTaken(ctx context.Context, board *board, client kubernetes.Interface, services corelisters.ServiceLister) {
	events := record.NewBroadcaster(record.WithContext(ctx))
	defer events.Shutdown()
	events.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: client.CoreV1().Events("")})
	recorder := events.NewRecorder(scheme.Scheme, v1.EventSource{Component: "slipway"})
	known := map[servicePort]string{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-board.heard:
		}
		now := map[servicePort]string{}
		for _, one := range board.said() {
			now[servicePort{one.Namespace, one.Name, one.Protocol, one.Port, 0}] = one.Reason
		}
		for port, reason := range now {
			if known[port] != reason {
				tell(recorder, services, port, v1.EventTypeWarning, "PortTaken", reason)
			}
		}
		for port := range known {
			if _, still := now[port]; !still {
				tell(recorder, services, port, v1.EventTypeNormal, "PortPublished", "your computer listens there now")
			}
		}
		known = now
	}
}

func tell(
	recorder record.EventRecorder, services corelisters.ServiceLister, port servicePort, kind, reason, text string,
) {
	if service, err := services.Services(port.Namespace).Get(port.Name); err == nil {
		recorder.Eventf(service, kind, reason, "localhost:%d/%s: %s", port.Port, port.Protocol, text)
	}
}

// publishedPorts are those of all services that are reached from outside the cluster, in a fixed order.
func publishedPorts(services []*v1.Service) []servicePort {
	found := []servicePort{}
	for _, service := range services {
		if service.Spec.Type != v1.ServiceTypeNodePort && service.Spec.Type != v1.ServiceTypeLoadBalancer {
			continue
		}
		for _, port := range service.Spec.Ports {
			if port.NodePort == 0 || (port.Protocol != v1.ProtocolTCP && port.Protocol != v1.ProtocolUDP) {
				continue
			}
			one := servicePort{
				service.Namespace, service.Name, strings.ToLower(string(port.Protocol)), port.NodePort, port.NodePort,
			}
			found = append(found, one)
			if service.Spec.Type == v1.ServiceTypeLoadBalancer {
				one.Port = port.Port
				found = append(found, one)
			}
		}
	}
	slices.SortFunc(found, func(a, b servicePort) int {
		return cmp.Or(
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port),
		)
	})
	return found
}

func setBalancer(ctx context.Context, client kubernetes.Interface, service *v1.Service) {
	if service.Spec.Type != v1.ServiceTypeLoadBalancer || service.Spec.LoadBalancerClass != nil ||
		len(service.Status.LoadBalancer.Ingress) > 0 {
		return
	}
	changed := service.DeepCopy()
	changed.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{{Hostname: "localhost"}}
	_, err := client.CoreV1().Services(service.Namespace).UpdateStatus(ctx, changed, metav1.UpdateOptions{})
	if err != nil { // another change came first; it is seen next
		fmt.Fprintln(os.Stderr, "the status of the service", service.Name, "is not set:", err)
	}
}

// nodeState is "ready", or why the node is not.
func nodeState(nodes corelisters.NodeLister) string {
	node, err := nodes.Get(pki.Node)
	if err != nil {
		return "it has not registered"
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == v1.NodeReady {
			if condition.Status == v1.ConditionTrue {
				return "ready"
			}
			return condition.Message
		}
	}
	return "it has not reported"
}
