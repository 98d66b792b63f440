package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"os"
	"slices"
	"sync"

	"slipway.invalid/kubernetes/supervise"
)

// Phases of the cluster.
const (
	phaseStarting = "starting"
	phaseRunning  = "running"
	phaseStopping = "stopping"
	phaseFailed   = "failed" // and it is not tried again
)

// servicePort is a port of a Service that is to answer on the host's localhost: there at Port, in the machine at Target.
type servicePort struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Protocol  string `json:"protocol"` // tcp or udp
	Port      int32  `json:"port"`
	Target    int32  `json:"target"`
}

// status is what the host is told: one JSON object a line, the first at once, then one after each change.
type status struct {
	Phase   string             `json:"phase"`
	Version string             `json:"version"`
	Error   string             `json:"error"`  // why it does not go on; empty when it does
	Notice  string             `json:"notice"` // what the user should know, though it goes on
	Node    string             `json:"node"`   // "ready", or why it is not
	Parts   []supervise.Report `json:"parts"`
	Ports   []servicePort      `json:"ports"`
}

// takenPort is a port of a Service that the host does not listen at.
type takenPort struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Protocol  string `json:"protocol"`
	Port      int32  `json:"port"`
	Reason    string `json:"reason"`
}

// board holds the status, and wakes those who follow it. It keeps what the host has said last.
type board struct {
	mutex   sync.Mutex
	status  status
	changed chan struct{} // closed at the next change
	taken   []takenPort
	heard   chan struct{} // has an element when taken is news
}

func newBoard(version string) *board {
	begin := status{Phase: phaseStarting, Version: version, Node: "not yet known"}
	begin.Parts, begin.Ports = []supervise.Report{}, []servicePort{}
	return &board{status: begin, changed: make(chan struct{}), heard: make(chan struct{}, 1)}
}

// said are the ports that the host does not listen at now.
func (b *board) said() []takenPort {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.taken
}

// hear takes a line of the host's: all taken ports there are, as a JSON list. Any other is passed over.
func (b *board) hear(line []byte) {
	var taken []takenPort
	if json.Unmarshal(line, &taken) != nil {
		return
	}
	b.mutex.Lock()
	b.taken = taken
	b.mutex.Unlock()
	select {
	case b.heard <- struct{}{}:
	default:
	}
}

func (b *board) update(change func(*status)) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	before, _ := json.Marshal(b.status)
	change(&b.status)
	if after, _ := json.Marshal(b.status); slices.Equal(before, after) {
		return
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *board) line() ([]byte, <-chan struct{}) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	line, err := json.Marshal(b.status)
	if err != nil {
		panic(err) // there is nothing in it that JSON lacks
	}
	return append(line, '\n'), b.changed
}

// serve hands the status to everyone who connects to the Unix socket, until it is closed, and hears what they say.
func (b *board) serve(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go b.send(connection)
		}
	}()
	return listener, nil
}

func (b *board) send(connection net.Conn) {
	defer connection.Close()
	gone := make(chan struct{})
	go func() { // reading ends when the peer has gone
		defer close(gone)
		lines := bufio.NewScanner(connection)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			b.hear(lines.Bytes())
		}
	}()
	for {
		line, changed := b.line()
		if _, err := connection.Write(line); err != nil {
			return
		}
		select {
		case <-changed:
		case <-gone:
			return
		}
	}
}
