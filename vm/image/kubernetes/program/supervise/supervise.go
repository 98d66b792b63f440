// Package supervise keeps programs running: it starts each when the ones before it are ready, restarts what ends or no
// longer answers, writes their output to files of limited size, and ends them in the opposite order.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// The states of a part.
const (
	Starting   = "starting"   // it runs and is not ready yet
	Running    = "running"    // it was ready, and answers
	Restarting = "restarting" // it has ended, or did not answer, and is started again after a pause
	Stopped    = "stopped"
)

// Part is a program to keep running.
type Part struct {
	Name string
	Argv []string
	// Env has variables besides those of this process, as NAME=VALUE.
	Env []string
	// Probe returns nil when the part is ready. Without one it is as soon as it runs.
	Probe func(context.Context) error
	// Alive returns nil while a part that was ready answers at all; without one Probe does.
	Alive func(context.Context) error
}

// Report is how a part is.
type Report struct {
	Name     string `json:"name"`
	State    string `json:"state"`
	Restarts int    `json:"restarts"`
	Error    string `json:"error"`
}

// Times are the pauses and limits of a supervisor.
type Times struct {
	// Poll is the pause between probes of a part that starts, Watch between those of one that is ready.
	Poll, Watch time.Duration
	// Answer is how long a probe may take. A part is restarted after Failures failed probes in a row: late, since what
	// is only slow becomes slower by it.
	Answer   time.Duration
	Failures int
	// Pause is the first pause before a restart. It doubles up to Longest, and begins anew once the part is ready.
	Pause, Longest time.Duration
	// Grace is the time between SIGTERM and SIGKILL.
	Grace time.Duration
}

// Defaults leave time to programs that are emulated.
var Defaults = Times{
	Poll: 250 * time.Millisecond, Watch: 20 * time.Second, Answer: 30 * time.Second, Failures: 12,
	Pause: time.Second, Longest: 30 * time.Second, Grace: 15 * time.Second,
}

// Supervisor is a list of parts.
type Supervisor struct {
	times   Times
	logs    string
	changed func()

	mutex     sync.Mutex
	processes []*process
}

// New makes a supervisor. Output goes to LOGS/NAME.log. changed is called after each change of a report.
func New(times Times, logs string, changed func()) *Supervisor {
	return &Supervisor{times: times, logs: logs, changed: changed}
}

// Reports are those of all parts that have been started, in that order.
func (s *Supervisor) Reports() []Report {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	reports := []Report{}
	for _, one := range s.processes {
		reports = append(reports, one.report)
	}
	return reports
}

// Start begins to keep a part running, and returns when it is ready for the first time.
func (s *Supervisor) Start(ctx context.Context, part Part) error {
	log, err := openLog(filepath.Join(s.logs, part.Name+".log"))
	if err != nil {
		return err
	}
	one := &process{
		supervisor: s, part: part, log: log, report: Report{Name: part.Name, State: Starting},
		ready: make(chan struct{}), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	s.mutex.Lock()
	s.processes = append(s.processes, one)
	s.mutex.Unlock()
	s.changed()
	go one.keep()
	select {
	case <-one.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stop ends all parts, the last one first.
func (s *Supervisor) Stop() {
	s.mutex.Lock()
	processes := append([]*process{}, s.processes...)
	s.mutex.Unlock()
	for i := len(processes) - 1; i >= 0; i-- {
		close(processes[i].stop)
		<-processes[i].ended
	}
}

type process struct {
	supervisor *Supervisor
	part       Part
	log        *log
	report     Report // guarded by the supervisor's mutex
	ready      chan struct{}
	once       sync.Once
	stop       chan struct{}
	ended      chan struct{}
}

func (p *process) set(state, problem string, restarts int) {
	p.supervisor.mutex.Lock()
	p.report.State, p.report.Error = state, problem
	p.report.Restarts += restarts
	p.supervisor.mutex.Unlock()
	p.supervisor.changed()
}

func (p *process) keep() {
	// The parts end with the thread that has started them, and so with this program (PR_SET_PDEATHSIG).
	runtime.LockOSThread()
	defer close(p.ended)
	defer p.log.close()
	times := p.supervisor.times
	pause := times.Pause
	for {
		wasReady, problem := p.run()
		if problem == nil {
			p.set(Stopped, "", 0)
			return
		}
		if wasReady {
			pause = times.Pause
		}
		fmt.Fprintf(p.log, "slipway: %v; it is started again in %v\n", problem, pause)
		p.set(Restarting, problem.Error(), 1)
		select {
		case <-p.stop:
			p.set(Stopped, "", 0)
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, times.Longest)
		p.set(Starting, problem.Error(), 0)
	}
}

// run runs the program once. It returns whether the part was ready, and why it ended; nil when it was to stop.
func (p *process) run() (wasReady bool, problem error) {
	command := exec.Command(p.part.Argv[0], p.part.Argv[1:]...)
	command.Env = append(os.Environ(), p.part.Env...)
	command.Stdout, command.Stderr = p.log, p.log
	command.WaitDelay = time.Second // for what else has the output open
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	watched := make(chan bool, 1)
	var silence error
	finished := make(chan struct{})
	go func() {
		ready := false
		ready, silence = p.watch(ctx)
		if silence != nil {
			_ = command.Process.Kill() // it may have ended by itself
		}
		watched <- ready
	}()
	go func() {
		select {
		case <-finished:
		case <-p.stop:
			_ = command.Process.Signal(syscall.SIGTERM)
			select {
			case <-finished:
			case <-time.After(p.supervisor.times.Grace):
				_ = command.Process.Kill()
			}
		}
	}()
	err := command.Wait()
	close(finished)
	cancel()
	wasReady = <-watched
	select {
	case <-p.stop:
		return wasReady, nil
	default:
	}
	switch {
	case silence != nil:
		return wasReady, silence
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return wasReady, errors.New("it ended by itself")
	default:
		return wasReady, err
	}
}

// watch probes until ctx ends. It returns whether the part has answered, and an error when it does so no longer.
func (p *process) watch(ctx context.Context) (ready bool, silence error) {
	times := p.supervisor.times
	failures := 0
	for {
		err := p.probe(ctx, ready)
		if ctx.Err() != nil {
			return ready, nil
		}
		if err == nil {
			failures = 0
			if !ready {
				ready = true
				p.set(Running, "", 0)
				p.once.Do(func() { close(p.ready) })
			}
		} else if ready {
			if failures++; failures == times.Failures {
				return ready, fmt.Errorf("it no longer answers: %w", err)
			}
		}
		pause := times.Poll
		if ready {
			pause = times.Watch
		}
		select {
		case <-ctx.Done():
			return ready, nil
		case <-time.After(pause):
		}
	}
}

func (p *process) probe(ctx context.Context, ready bool) error {
	probe := p.part.Probe
	if ready && p.part.Alive != nil {
		probe = p.part.Alive
	}
	if probe == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.supervisor.times.Answer)
	defer cancel()
	return probe(ctx)
}
