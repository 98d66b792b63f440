package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
)

const bridge = "docker0"

// keepHairpins lets a pod reach itself through a service's address: the bridge then sends a frame back through the port
// that it came by. dockerd does that only without a userland proxy.
func keepHairpins(ctx context.Context) error {
	updates := make(chan netlink.LinkUpdate, 64)
	if err := netlink.LinkSubscribe(updates, ctx.Done()); err != nil {
		return err
	}
	go func() {
		setHairpins()
		for range updates {
			setHairpins()
		}
	}()
	return nil
}

func setHairpins() {
	ports, _ := filepath.Glob("/sys/class/net/" + bridge + "/brif/*/hairpin_mode")
	for _, port := range ports {
		if now, err := os.ReadFile(port); err != nil || now[0] == '1' {
			continue // it has gone, or is as it should be
		}
		if err := os.WriteFile(port, []byte("1"), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "hairpin:", err)
		}
	}
}
