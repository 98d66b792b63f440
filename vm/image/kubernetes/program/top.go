package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"slipway.invalid/kubernetes/metrics"
)

// serveMetrics answers the API metrics.k8s.io until ctx ends. Only the API server gets in, by the certificate of its
// proxy: it has authorized what it hands on.
func serveMetrics(ctx context.Context, kubelet *http.Client) error {
	config, err := clientcmd.BuildConfigFromFlags("", made("admin.conf"))
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	source := metrics.Source{
		Summary: metrics.Kubelet(kubelet, "https://127.0.0.1:10250"),
		Nodes: func(ctx context.Context, selector string) ([]v1.Node, error) {
			list, err := client.CoreV1().Nodes().List(ctx, cached(selector))
			if err != nil {
				return nil, err
			}
			return list.Items, nil
		},
		Pods: func(ctx context.Context, namespace, selector string) ([]v1.Pod, error) {
			list, err := client.CoreV1().Pods(namespace).List(ctx, cached(selector))
			if err != nil {
				return nil, err
			}
			return list.Items, nil
		},
	}
	authority, err := os.ReadFile(made("front-ca.crt"))
	if err != nil {
		return err
	}
	proxies := x509.NewCertPool()
	proxies.AppendCertsFromPEM(authority)
	own, err := tls.LoadX509KeyPair(made("metrics.crt"), made("metrics.key"))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", ownAddress+":4443")
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           source.Handler(),
		ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{own}, ClientCAs: proxies, ClientAuth: tls.RequireAndVerifyClientCert,
			MinVersion: tls.VersionTLS12,
		},
	}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	go func() {
		if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "metrics:", err)
		}
	}()
	return nil
}

// cached asks for what the API server has in memory.
func cached(selector string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: selector, ResourceVersion: "0"}
}
