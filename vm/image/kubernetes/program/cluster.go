package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/component-base/version"

	"slipway.invalid/kubernetes/pki"
	"slipway.invalid/kubernetes/supervise"
)

const (
	applyPause  = time.Second
	cleanWithin = 2 * time.Minute
)

// cluster run keeps the cluster running until SIGTERM. cluster clean removes what a stopped cluster has left in the
// machine: containers of pods, mounts and packet filter rules. cluster reset deletes its data as well.
func cluster() {
	word := ""
	if len(os.Args) == 2 {
		word = os.Args[1]
	}
	var err error
	switch word {
	case "run":
		err = runCluster()
	case "clean":
		err = clean()
	case "reset":
		if err = clean(); err == nil {
			err = os.RemoveAll(dataFolder)
		}
	default:
		err = errors.New("cluster run, cluster clean or cluster reset")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runCluster() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	for _, folder := range []string{runFolder, dataFolder, dataFolder + "/etcd", logFolder} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dataFolder+"/volumes", 0o755); err != nil {
		return err
	}
	board := newBoard(version.Get().GitVersion)
	listener, err := board.serve(runFolder + "/status.sock")
	if err != nil {
		return err
	}
	defer listener.Close()
	var supervisor *supervise.Supervisor
	supervisor = supervise.New(supervise.Defaults, logFolder, func() {
		board.update(func(s *status) { s.Parts = supervisor.Reports() })
	})
	err = bringUp(ctx, supervisor, board)
	if err == nil {
		board.update(func(s *status) { s.Phase = phaseRunning })
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		err = nil
	}
	board.update(func(s *status) {
		s.Phase, s.Ports = phaseStopping, []servicePort{}
		if err != nil {
			s.Error = err.Error()
		}
	})
	supervisor.Stop()
	return err
}

func bringUp(ctx context.Context, supervisor *supervise.Supervisor, board *board) error {
	addresses := []net.IP{net.ParseIP(machineAddress), net.ParseIP(apiAddress)}
	if err := pki.Write(keptFolder, madeFolder, addresses); err != nil {
		return fmt.Errorf("the certificates cannot be made: %w", err)
	}
	client, err := apiClient()
	if err != nil {
		return err
	}
	if err := keepHairpins(ctx); err != nil {
		return err
	}
	go newDocker().keepPauseImage(ctx)
	// One after the other: all at once, on a slow machine, none is ready in time for those that need it.
	for _, one := range append(storeParts(), apiPart(client)) {
		if err := supervisor.Start(ctx, one); err != nil {
			return err
		}
	}
	if err := apply(ctx, etc("addons.yaml")); err != nil {
		return err
	}
	if err := follow(ctx, board); err != nil {
		return err
	}
	for _, one := range nodeParts() {
		if err := supervisor.Start(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// apply hands the API what every cluster has. It is tried until it succeeds, since the API is ready before all that
// it checks requests with.
func apply(ctx context.Context, file string) error {
	said := ""
	for {
		command := exec.CommandContext(ctx, bin("kubectl"), "--kubeconfig="+made("admin.conf"), "apply",
			"--server-side", "--force-conflicts", "--field-manager=slipway", "--filename="+file)
		output, err := command.CombinedOutput()
		if err == nil {
			return nil
		}
		if text := string(output); text != said {
			fmt.Fprint(os.Stderr, text)
			said = text
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(applyPause):
		}
	}
}

func clean() error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanWithin)
	defer cancel()
	return errors.Join(
		newDocker().removePods(ctx),
		unmountBelow(dataFolder+"/kubelet"),
		exec.CommandContext(ctx, bin("kube-proxy"), "--cleanup").Run(),
	)
}

// unmountBelow unmounts what kubelet has mounted for pods: secrets and projected volumes.
func unmountBelow(folder string) error {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	var problems []error
	for i := len(lines) - 1; i >= 0; i-- { // the last one mounted is the first to go
		if fields := strings.Fields(lines[i]); len(fields) > 1 && strings.HasPrefix(fields[1], folder+"/") {
			problems = append(problems, unix.Unmount(fields[1], unix.MNT_DETACH))
		}
	}
	return errors.Join(problems...)
}
