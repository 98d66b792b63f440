package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
)

// TestMain verifies a folder where it is asked to, as a process of its own.
func TestMain(m *testing.M) {
	if folder := os.Getenv("VERIFY"); folder != "" {
		if err := Verify(folder); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func verifyElsewhere(folder string) error {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), "VERIFY="+folder)
	if said, err := command.CombinedOutput(); err != nil {
		first, _, _ := strings.Cut(string(said), "\n")
		return errors.New(first)
	}
	return nil
}

// bench is a real etcd with a guard.
type bench struct {
	Guard
	t      *testing.T
	socket string
}

func newBench(t *testing.T) *bench {
	folder, err := os.MkdirTemp("/tmp", "store") // short: a socket is in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return &bench{Guard{Root: folder, Version: "v2", Verify: verifyElsewhere}, t, filepath.Join(folder, "sock")}
}

// run has etcd run for as long as work takes.
func (b *bench) run(work func(context.Context, *clientv3.Client)) {
	b.t.Helper()
	config := embed.NewConfig()
	config.Name, config.Dir, config.LogLevel = member, b.etcd(), "fatal"
	client, peer := url.URL{Scheme: "unix", Path: b.socket}, url.URL{Scheme: "unix", Path: b.socket + "-peer"}
	advertised, _ := url.Parse(peerURL)
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{*advertised}
	config.InitialCluster = member + "=" + peerURL
	server, err := embed.StartEtcd(config)
	if err != nil {
		b.t.Fatal(err)
	}
	defer server.Close()
	<-server.Server.ReadyNotify()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	asked, err := clientv3.New(clientv3.Config{Endpoints: []string{"unix://" + b.socket}})
	if err != nil {
		b.t.Fatal(err)
	}
	defer asked.Close()
	work(ctx, asked)
}

func (b *bench) put(key, value string) {
	b.t.Helper()
	b.run(func(ctx context.Context, client *clientv3.Client) {
		if _, err := client.Put(ctx, key, value); err != nil {
			b.t.Fatal(err)
		}
	})
}

// back puts a value, and takes a backup with it.
func (b *bench) back(key, value string) {
	b.t.Helper()
	b.run(func(ctx context.Context, client *clientv3.Client) {
		if _, err := client.Put(ctx, key, value); err != nil {
			b.t.Fatal(err)
		}
		if err := b.Back(ctx, b.socket); err != nil {
			b.t.Fatal(err)
		}
	})
}

func (b *bench) get(key string) (value string, revision int64) {
	b.t.Helper()
	b.run(func(ctx context.Context, client *clientv3.Client) {
		reply, err := client.Get(ctx, key)
		if err != nil {
			b.t.Fatal(err)
		}
		revision = reply.Header.Revision
		if len(reply.Kvs) > 0 {
			value = string(reply.Kvs[0].Value)
		}
	})
	return value, revision
}

func (b *bench) open() string {
	b.t.Helper()
	told, err := b.Open()
	if err != nil {
		b.t.Fatal(err)
	}
	return told
}

func (b *bench) used() {
	b.t.Helper()
	if err := b.Used(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) names() []string {
	b.t.Helper()
	found, err := b.list()
	if err != nil {
		b.t.Fatal(err)
	}
	names := []string{}
	for _, one := range found {
		names = append(names, filepath.Base(one.path)[:6]+" "+one.version)
	}
	return names
}

// spoil overwrites the middle of a file.
func (b *bench) spoil(path string) {
	b.t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer file.Close()
	info, _ := file.Stat()
	for at := int64(0); at < info.Size()-4096; at += 8192 {
		if _, err := file.WriteAt([]byte(strings.Repeat("spoilt", 600)), at); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) database() string { return filepath.Join(b.etcd(), "member", "snap", "db") }

func TestWholeFilesAreLeftAlone(t *testing.T) {
	b := newBench(t)
	if told := b.open(); told != "" {
		t.Error(told)
	}
	b.used()
	b.put("a", "1")
	if told := b.open(); told != "" {
		t.Error(told)
	}
	if value, _ := b.get("a"); value != "1" {
		t.Error(value)
	}
}

func TestADamagedDatabaseIsRestoredFromTheNewestGoodBackup(t *testing.T) {
	b := newBench(t)
	b.used()
	b.back("a", "1")
	b.back("a", "2")
	b.back("a", "3")
	_, before := b.get("a")
	found, _ := b.list()
	b.spoil(found[2].path)
	b.spoil(b.database())
	told := b.open()
	if !strings.Contains(told, "damaged") || !strings.Contains(told, "was restored") {
		t.Error(told)
	}
	value, after := b.get("a")
	if value != "2" {
		t.Errorf("%q", value)
	}
	if after <= before {
		t.Error("clients see the past:", before, after)
	}
	if _, err := os.Stat(b.etcd() + ".damaged"); err != nil {
		t.Error("what was damaged is not kept:", err)
	}
	if told := b.open(); told != "" {
		t.Error("told twice:", told)
	}
}

func TestADamagedLogAndMissingFilesAreRestored(t *testing.T) {
	b := newBench(t)
	b.used()
	b.back("a", "1")
	logs, _ := filepath.Glob(filepath.Join(b.etcd(), "member", "wal", "*.wal"))
	b.spoil(logs[0])
	if err := b.Verify(b.etcd()); err == nil || !strings.Contains(err.Error(), "write-ahead log") {
		t.Error(err)
	}
	if told := b.open(); !strings.Contains(told, "was restored") {
		t.Error(told)
	}
	if value, _ := b.get("a"); value != "1" {
		t.Errorf("%q", value)
	}
	if err := os.RemoveAll(b.etcd()); err != nil {
		t.Fatal(err)
	}
	if told := b.open(); !strings.Contains(told, "was restored") {
		t.Error(told)
	}
	if value, _ := b.get("a"); value != "1" {
		t.Errorf("%q", value)
	}
}

func TestAnyBackupIsRestoredThatIsAskedFor(t *testing.T) {
	b := newBench(t)
	b.used()
	for value := range kept {
		b.back("a", fmt.Sprint(value+1))
	}
	b.run(func(ctx context.Context, client *clientv3.Client) {
		_, err := client.Put(ctx, "a", "now")
		if err = errors.Join(err, b.Take(ctx, b.socket)); err != nil {
			t.Fatal(err)
		}
	})
	_, before := b.get("a")
	for number, want := range map[int]string{1: "1", kept + 1: "now"} {
		if err := b.Restore(number); err != nil {
			t.Fatal(err)
		}
		if told := b.open(); told != "" {
			t.Error(told)
		}
		value, after := b.get("a")
		if value != want || after <= before {
			t.Error(value, want, before, after)
		}
	}
}

func TestWithoutAGoodBackupTheFilesStay(t *testing.T) {
	b := newBench(t)
	b.used()
	b.back("a", "1")
	b.put("a", "now")
	if err := b.Restore(7); err == nil || err.Error() != "there is no backup 7" {
		t.Error(err)
	}
	found, _ := b.list()
	b.spoil(found[0].path)
	if err := b.Restore(1); err == nil {
		t.Error("a damaged backup is restored")
	}
	if told := b.open(); told != "" {
		t.Error(told)
	}
	if value, _ := b.get("a"); value != "now" {
		t.Errorf("%q", value)
	}
}

func TestDamageWithoutABackupIsAnError(t *testing.T) {
	b := newBench(t)
	b.used()
	b.put("a", "1")
	b.spoil(b.database())
	if _, err := b.Open(); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if _, err := os.Stat(b.database()); err != nil {
		t.Error("nothing is deleted:", err)
	}
}

func TestAFirstStartThatWasCutOffBeginsAnew(t *testing.T) {
	b := newBench(t)
	b.put("a", "1")
	b.spoil(b.database())
	if told := b.open(); told != "" {
		t.Error(told)
	}
	if value, _ := b.get("a"); value != "" {
		t.Error(value)
	}
}

func TestARestorationThatWasCutOffIsFinished(t *testing.T) {
	b := newBench(t)
	b.used()
	b.put("a", "1")
	if err := os.Rename(b.etcd(), b.ready()); err != nil {
		t.Fatal(err)
	}
	if told := b.open(); told != "" {
		t.Error(told)
	}
	if value, _ := b.get("a"); value != "1" {
		t.Error(value)
	}
}

func TestTheNumberOfBackupsIsLimitedAndTheVersionBeforeHasOne(t *testing.T) {
	b := newBench(t)
	b.Version = "v1"
	b.used()
	b.put("a", "1")
	b.run(func(ctx context.Context, _ *clientv3.Client) {
		for number := range 10 {
			if number == 3 { // taken before this version uses the files
				b.Version = "v2"
			}
			if err := b.Back(ctx, b.socket); err != nil {
				t.Fatal(err)
			}
			if number == 3 {
				b.used()
			}
		}
	})
	want := "000004 v1,000006 v2,000007 v2,000008 v2,000009 v2,000010 v2"
	if got := strings.Join(b.names(), ","); got != want {
		t.Error(got)
	}
	if due := b.Due(time.Hour); due > time.Hour || due < 59*time.Minute {
		t.Error(due)
	}
}

func TestTheFirstBackupIsDueAtOnce(t *testing.T) {
	if due := newBench(t).Due(time.Hour); due != 0 {
		t.Error(due)
	}
}
