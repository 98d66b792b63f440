package main

import (
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
	Error   string             `json:"error"` // why it does not go on; empty when it does
	Node    string             `json:"node"`  // "ready", or why it is not
	Parts   []supervise.Report `json:"parts"`
	Ports   []servicePort      `json:"ports"`
}

// board holds the status, and wakes those who follow it.
type board struct {
	mutex   sync.Mutex
	status  status
	changed chan struct{} // closed at the next change
}

func newBoard(version string) *board {
	begin := status{Phase: phaseStarting, Version: version, Node: "not yet known"}
	begin.Parts, begin.Ports = []supervise.Report{}, []servicePort{}
	return &board{status: begin, changed: make(chan struct{})}
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

// serve hands the status to everyone who connects to the Unix socket, until it is closed.
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
	go func() { // nothing is ever sent: reading ends when the peer has gone
		defer close(gone)
		var one [1]byte
		for {
			if _, err := connection.Read(one[:]); err != nil {
				return
			}
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
