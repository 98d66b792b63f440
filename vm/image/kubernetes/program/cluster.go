package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/component-base/version"

	"slipway.invalid/kubernetes/pki"
	"slipway.invalid/kubernetes/store"
	"slipway.invalid/kubernetes/supervise"
)

const (
	applyPause  = time.Second
	cleanWithin = 2 * time.Minute
	retryPause  = 20 * time.Second

	// How old the newest backup of the store gets, and the pause after one that failed.
	backupAge, backupPause = time.Hour, 5 * time.Minute
)

// cluster run keeps the cluster running until SIGTERM. cluster clean removes what a stopped cluster has left in the
// machine: containers of pods, mounts and packet filter rules. cluster reset deletes its data as well. cluster verify
// reads etcd's files in a folder. cluster backup takes a backup of a running cluster; cluster restore puts one, by its
// number, in the place of a stopped cluster's state.
func cluster() {
	word := strings.Join(os.Args[1:], " ")
	argument := ""
	if len(os.Args) == 3 {
		word, argument = os.Args[1], os.Args[2]
	}
	var err error
	switch word {
	case "verify":
		err = store.Verify(argument)
	case "backup":
		err = newGuard().Take(context.Background(), etcdSock)
	case "restore":
		var number int
		if number, err = strconv.Atoi(argument); err == nil {
			err = newGuard().Restore(number)
		}
	case "run":
		err = runCluster()
	case "clean":
		err = clean()
	case "reset":
		if err = clean(); err == nil {
			err = os.RemoveAll(dataFolder)
		}
	default:
		err = errors.New("cluster run, clean, reset, verify FOLDER, backup or restore NUMBER")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runCluster() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	for _, folder := range []string{runFolder, dataFolder, logFolder} {
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
	switch {
	case err == nil:
		board.update(func(s *status) { s.Phase = phaseRunning })
		<-ctx.Done()
	case errors.Is(err, store.ErrDamaged): // trying again does not help: it is told until someone does something
		fmt.Fprintln(os.Stderr, err)
		board.update(func(s *status) { s.Phase, s.Error = phaseFailed, err.Error() })
		<-ctx.Done()
	case ctx.Err() == nil: // it is told for a while, and tried again by the next one of us
		board.update(func(s *status) { s.Error = err.Error() })
		select {
		case <-ctx.Done():
		case <-time.After(retryPause):
		}
	}
	if ctx.Err() != nil {
		err = nil
	}
	board.update(func(s *status) { s.Phase, s.Ports = phaseStopping, []servicePort{} })
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
	guard := newGuard()
	told, err := guard.Open()
	if err != nil {
		return err
	}
	board.update(func(s *status) { s.Notice = told })
	if err := keepHairpins(ctx); err != nil {
		return err
	}
	go newDocker().keepPauseImage(ctx)
	// One after the other: all at once, on a slow machine, none is ready in time for those that need it.
	if err := supervisor.Start(ctx, etcdPart()); err != nil {
		return err
	}
	if before, err := guard.Before(); err != nil || before != "" && before != guard.Version {
		if err = errors.Join(err, guard.Back(ctx, etcdSock)); err != nil {
			return fmt.Errorf("there is no backup for the upgrade from %s: %w", before, err)
		}
	}
	for _, one := range []supervise.Part{runtimePart(), apiPart(client)} {
		if err := supervisor.Start(ctx, one); err != nil {
			return err
		}
	}
	if err := guard.Used(); err != nil {
		return err
	}
	if err := apply(ctx, etc("addons.yaml")); err != nil {
		return err
	}
	if err := errors.Join(follow(ctx, board), serveMetrics(ctx, client)); err != nil {
		return err
	}
	for _, one := range nodeParts() {
		if err := supervisor.Start(ctx, one); err != nil {
			return err
		}
	}
	go keepBackups(ctx, guard)
	return nil
}

func newGuard() store.Guard {
	return store.Guard{Root: dataFolder, Version: version.Get().GitVersion, Verify: verify}
}

// keepBackups takes one whenever the newest is too old.
func keepBackups(ctx context.Context, guard store.Guard) {
	wait := guard.Due(backupAge)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = backupAge
		if err := guard.Back(ctx, etcdSock); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "the store is not backed up:", err)
			wait = backupPause
		}
	}
}

// verify has a process of its own read etcd's files, since of some damage it dies. Where that says nothing, because it
// was ended, etcd finds out.
func verify(folder string) error {
	said, err := exec.Command(bin("cluster"), "verify", folder).CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || !ended.Exited() {
		return nil
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
	return errors.New(first)
}

// apply hands the API what every cluster has, with the cluster's authority in it. It is tried until it succeeds, since the API is ready before all that
// it checks requests with.
func apply(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(made("ca.crt"))
	if err != nil {
		return err
	}
	manifest := strings.ReplaceAll(string(text), "@AUTHORITY@", base64.StdEncoding.EncodeToString(authority))
	said := ""
	for {
		command := exec.CommandContext(ctx, bin("kubectl"), "--kubeconfig="+made("admin.conf"), "apply",
			"--server-side", "--force-conflicts", "--field-manager=slipway", "--filename=-")
		command.Stdin = strings.NewReader(manifest)
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
