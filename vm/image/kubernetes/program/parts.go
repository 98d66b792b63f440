package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"slipway.invalid/kubernetes/pki"
	"slipway.invalid/kubernetes/supervise"
)

// Where everything is in the machine. The files in etc of the image name these folders as well.
const (
	imageFolder = "/usr/lib/slipway/kubernetes"
	dataFolder  = "/var/lib/slipway/kubernetes"
	runFolder   = "/run/slipway/kubernetes"
	madeFolder  = runFolder + "/pki"
	keptFolder  = dataFolder + "/pki"
	logFolder   = "/var/lib/slipway/log/kubernetes"
	dockerSock  = "/run/docker.sock"
	etcdSock    = runFolder + "/etcd.sock"
	peerSock    = runFolder + "/etcd-peer.sock"
	criSock     = runFolder + "/cri.sock"

	// machineAddress is QEMU's user network, as in usr/lib/slipway/network; serviceNetwork's first address is the API's.
	machineAddress = "10.0.2.15"
	serviceNetwork = "10.96.0.0/16"
	apiAddress     = "10.96.0.1"
	// ownAddress is where services answer that are programs of the machine, and no pods (up, etc/addons.yaml).
	ownAddress = "10.0.2.54"
	pauseImage = "slipway/pause:1"
)

func bin(name string) string  { return filepath.Join(imageFolder, "bin", name) }
func etc(name string) string  { return filepath.Join(imageFolder, "etc", name) }
func made(name string) string { return filepath.Join(madeFolder, name) }

// environment of every part: they collect garbage more often than Go does by itself, for the memory that they keep.
var environment = []string{"GOGC=50", "PATH=" + os.Getenv("PATH") + ":" + filepath.Join(imageFolder, "tools")}

func part(name string, probe func(context.Context) error, arguments ...string) supervise.Part {
	argv := append([]string{bin(name)}, arguments...)
	return supervise.Part{Name: name, Argv: argv, Env: environment, Probe: probe}
}

// etcdPart, runtimePart and apiPart come first, one after the other; nodeParts need the API.
func etcdPart() supervise.Part {
	return part("etcd", answers(overUnix(etcdSock), "http://etcd/health"),
		"--name=slipway", "--data-dir="+dataFolder+"/etcd",
		"--listen-client-urls=unix://"+etcdSock, "--advertise-client-urls=unix://"+etcdSock,
		"--listen-peer-urls=unix://"+peerSock, "--initial-advertise-peer-urls=http://localhost:2380",
		"--initial-cluster=slipway=http://localhost:2380", "--logger=zap", "--log-level=warn",
		"--snapshot-count=5000", "--auto-compaction-retention=5m")
}

func runtimePart() supervise.Part {
	return part("cri-dockerd", accepts(criSock),
		"--container-runtime-endpoint=unix://"+criSock, "--docker-endpoint=unix://"+dockerSock,
		"--network-plugin=", "--pod-infra-container-image="+pauseImage,
		"--cri-dockerd-root-directory="+dataFolder+"/cri-dockerd")
}

func apiPart(client *http.Client) supervise.Part {
	api := part("kube-apiserver", answers(client, pki.Server+"/readyz"),
		"--etcd-servers=unix://"+etcdSock, "--advertise-address="+machineAddress, "--secure-port=6443",
		"--service-cluster-ip-range="+serviceNetwork,
		"--tls-cert-file="+made("apiserver.crt"), "--tls-private-key-file="+made("apiserver.key"),
		"--client-ca-file="+made("ca.crt"),
		"--kubelet-client-certificate="+made("kubelet-client.crt"),
		"--kubelet-client-key="+made("kubelet-client.key"),
		"--kubelet-certificate-authority="+made("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+made("accounts.pub"),
		"--service-account-signing-key-file="+made("accounts.key"),
		"--requestheader-client-ca-file="+made("front-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file="+made("front-client.crt"), "--proxy-client-key-file="+made("front-client.key"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--anonymous-auth=false", "--allow-privileged=true", "--profiling=false")
	api.Alive = answers(client, pki.Server+"/livez") // without its store it is not ready, and no restart helps
	return api
}

func nodeParts() []supervise.Part {
	controllers, scheduler := made("controller-manager.conf"), made("scheduler.conf")
	local := &http.Client{}
	// on the loopback address, where each has made itself a certificate
	unverified := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	return []supervise.Part{
		part("kube-controller-manager", answers(unverified, "https://127.0.0.1:10257/healthz"),
			"--kubeconfig="+controllers, "--authentication-kubeconfig="+controllers,
			"--authorization-kubeconfig="+controllers, "--root-ca-file="+made("ca.crt"),
			"--service-account-private-key-file="+made("accounts.key"),
			"--cluster-signing-cert-file="+made("ca.crt"), "--cluster-signing-key-file="+made("ca.key"),
			"--requestheader-client-ca-file="+made("front-ca.crt"), "--use-service-account-credentials",
			"--leader-elect=false", "--bind-address=127.0.0.1", "--profiling=false"),
		part("kube-scheduler", answers(unverified, "https://127.0.0.1:10259/healthz"),
			"--kubeconfig="+scheduler, "--authentication-kubeconfig="+scheduler,
			"--authorization-kubeconfig="+scheduler,
			"--leader-elect=false", "--bind-address=127.0.0.1", "--profiling=false"),
		part("kubelet", answers(local, "http://127.0.0.1:10248/healthz"),
			"--config="+etc("kubelet.yaml"), "--kubeconfig="+made("kubelet.conf"), "--hostname-override="+pki.Node,
			"--node-ip="+machineAddress, "--root-dir="+dataFolder+"/kubelet",
			"--node-labels=node.kubernetes.io/instance-type=slipway"),
		part("kube-proxy", answers(local, "http://127.0.0.1:10256/healthz"), "--config="+etc("proxy.yaml")),
		part("coredns", answers(local, "http://127.0.0.1:8181/health"), "-conf", etc("Corefile")),
		part("provisioner", nil, made("provisioner.conf"), dataFolder+"/volumes"),
	}
}

func overUnix(path string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial}}
}

// apiClient is the administrator's, by the certificate that was made for this start.
func apiClient() (*http.Client, error) {
	authority, err := os.ReadFile(made("ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	own, err := tls.LoadX509KeyPair(made("kubelet-client.crt"), made("kubelet-client.key"))
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config}}, nil
}

// answers is a probe: a GET that is answered with 200.
func answers(client *http.Client, url string) func(context.Context) error {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		reply, err := client.Do(request)
		if err != nil {
			return err
		}
		reply.Body.Close()
		if reply.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, reply.Status)
		}
		return nil
	}
}

// accepts is a probe: a Unix socket at which something listens.
func accepts(path string) func(context.Context) error {
	return func(ctx context.Context) error {
		connection, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err == nil {
			connection.Close()
		}
		return err
	}
}
