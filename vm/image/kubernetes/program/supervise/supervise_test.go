package supervise

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var quick = Times{
	Poll: time.Millisecond, Watch: time.Millisecond, Answer: time.Second, Failures: 2,
	Pause: time.Millisecond, Longest: time.Millisecond, Grace: 2 * time.Second,
}

// bench is a supervisor and the folder its parts write to.
type bench struct {
	*Supervisor
	t       *testing.T
	folder  string
	changes chan struct{}
}

func newBench(t *testing.T) *bench {
	made := &bench{t: t, folder: t.TempDir(), changes: make(chan struct{}, 1000)}
	made.Supervisor = New(quick, made.folder, func() { made.changes <- struct{}{} })
	return made
}

func (b *bench) path(name string) string { return filepath.Join(b.folder, name) }

func (b *bench) shell(name, script string, probe func(context.Context) error) Part {
	return Part{Name: name, Argv: []string{"sh", "-c", script}, Env: []string{"HERE=" + b.folder}, Probe: probe}
}

// await waits until a report fits.
func (b *bench) await(fits func([]Report) bool) []Report {
	b.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		if reports := b.Reports(); fits(reports) {
			return reports
		}
		select {
		case <-b.changes:
		case <-deadline:
			b.t.Fatalf("%+v", b.Reports())
		}
	}
}

func (b *bench) text(name string) string {
	content, err := os.ReadFile(b.path(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(content)
}

func there(path string) func(context.Context) error {
	return func(context.Context) error {
		_, err := os.Stat(path)
		return err
	}
}

func TestStartWaitsUntilThePartIsReady(t *testing.T) {
	b := newBench(t)
	part := b.shell("slow", `sleep 0.05; touch "$HERE/ready"; exec sleep 100`, there(b.path("ready")))
	if err := b.Start(context.Background(), part); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(b.path("ready")); err != nil {
		t.Error("it was not ready")
	}
	if reports := b.Reports(); reports[0].State != Running || reports[0].Restarts != 0 {
		t.Errorf("%+v", reports)
	}
	b.Stop()
}

func TestAStartCanBeCancelled(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	part := b.shell("never", "exec sleep 100", func(context.Context) error { return errors.New("not yet") })
	if err := b.Start(ctx, part); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	b.Stop()
	if b.Reports()[0].State != Stopped {
		t.Errorf("%+v", b.Reports())
	}
}

func TestAPartThatEndsIsStartedAgain(t *testing.T) {
	b := newBench(t)
	script := `echo "start" >>"$HERE/starts"; [ "$(wc -l <"$HERE/starts")" -ge 3 ] || exit 7; exec sleep 100`
	ready := func(context.Context) error {
		if content, _ := os.ReadFile(b.path("starts")); strings.Count(string(content), "start") < 3 {
			return errors.New("not yet")
		}
		return nil
	}
	if err := b.Start(context.Background(), b.shell("unsteady", script, ready)); err != nil {
		t.Fatal(err)
	}
	reports := b.await(func(all []Report) bool { return all[0].State == Running })
	if reports[0].Restarts != 2 || reports[0].Error != "" {
		t.Errorf("%+v", reports)
	}
	if !strings.Contains(b.text("unsteady.log"), "exit status 7") {
		t.Error("the log does not say why")
	}
	b.Stop()
}

func TestAPartThatNoLongerAnswersIsStartedAgain(t *testing.T) {
	b := newBench(t)
	script := `touch "$HERE/ready"; exec sleep 100`
	if err := b.Start(context.Background(), b.shell("silent", script, there(b.path("ready")))); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(b.path("ready")); err != nil {
		t.Fatal(err)
	}
	b.await(func(all []Report) bool { return all[0].Restarts == 1 && all[0].State == Running })
	b.Stop()
}

func TestAPartThatIsNotReadyForAWhileGoesOn(t *testing.T) {
	b := newBench(t)
	asked := make(chan struct{}, 1000)
	part := b.shell("busy", `touch "$HERE/ready"; exec sleep 100`, there(b.path("ready")))
	part.Alive = func(context.Context) error {
		asked <- struct{}{}
		return nil
	}
	if err := b.Start(context.Background(), part); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(b.path("ready")); err != nil {
		t.Fatal(err)
	}
	for range quick.Failures + 1 {
		<-asked
	}
	if reports := b.Reports(); reports[0].State != Running || reports[0].Restarts != 0 {
		t.Errorf("%+v", reports)
	}
	b.Stop()
}

func TestTheLastOneEndsFirstEvenIfItIgnoresSignals(t *testing.T) {
	b := newBench(t)
	first := `trap 'echo first >>"$HERE/ends"; exit' TERM; touch "$HERE/first"; while :; do sleep 0.01; done`
	last := `trap 'echo last >>"$HERE/ends"' TERM; touch "$HERE/last"; while :; do sleep 0.01; done`
	for _, part := range []Part{
		b.shell("first", first, there(b.path("first"))),
		b.shell("last", last, there(b.path("last"))),
	} {
		if err := b.Start(context.Background(), part); err != nil {
			t.Fatal(err)
		}
	}
	b.Stop()
	if ends := b.text("ends"); ends != "last\nfirst\n" {
		t.Errorf("%q", ends)
	}
	for _, one := range b.Reports() {
		if one.State != Stopped {
			t.Errorf("%+v", one)
		}
	}
}

func TestALogHasALimit(t *testing.T) {
	folder := t.TempDir()
	one, err := openLog(filepath.Join(folder, "part.log"))
	if err != nil {
		t.Fatal(err)
	}
	line := []byte(strings.Repeat("x", 1023) + "\n")
	for range 3 * logLimit / len(line) {
		if written, err := one.Write(line); written != len(line) || err != nil {
			t.Fatal(written, err)
		}
	}
	one.close()
	for _, name := range []string{"part.log", "part.log.old"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() > logLimit || info.Size() == 0 {
			t.Error(name, info, err)
		}
	}
}
