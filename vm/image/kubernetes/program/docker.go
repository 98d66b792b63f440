package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// docker asks dockerd, which is there at any time, or will be again.
type docker struct{ client *http.Client }

func newDocker() docker { return docker{overUnix(dockerSock)} }

func (d docker) ask(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/x-tar")
	}
	return d.client.Do(request)
}

func filters(wanted map[string][]string) string {
	text, _ := json.Marshal(wanted)
	return "filters=" + url.QueryEscape(string(text))
}

// keepPauseImage loads the image that every pod begins with, and loads it again when a user has removed it.
func (d docker) keepPauseImage(ctx context.Context) {
	for ctx.Err() == nil {
		if err := d.followRemovals(ctx); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "the pause image:", err)
		}
		select { // dockerd has ended, or will soon answer
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (d docker) followRemovals(ctx context.Context) error {
	wanted := map[string][]string{"type": {"image"}, "event": {"delete", "untag"}}
	reply, err := d.ask(ctx, http.MethodGet, "/events?"+filters(wanted), nil)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if err := d.ensurePauseImage(ctx); err != nil {
		return err
	}
	events := bufio.NewScanner(reply.Body)
	for events.Scan() {
		if err := d.ensurePauseImage(ctx); err != nil {
			return err
		}
	}
	return events.Err()
}

func (d docker) ensurePauseImage(ctx context.Context) error {
	reply, err := d.ask(ctx, http.MethodGet, "/images/"+pauseImage+"/json", nil)
	if err != nil {
		return err
	}
	reply.Body.Close()
	if reply.StatusCode != http.StatusNotFound {
		return nil
	}
	archive, err := os.Open(filepath.Join(imageFolder, "pause.tar"))
	if err != nil {
		return err
	}
	defer archive.Close()
	reply, err = d.ask(ctx, http.MethodPost, "/images/load?quiet=1", archive)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(reply.Body, 4096))
	if reply.StatusCode != http.StatusOK {
		return fmt.Errorf("dockerd does not load it: %s", said)
	}
	return nil
}

// removePods removes the containers of all pods; the user's own are not touched.
func (d docker) removePods(ctx context.Context) error {
	of := filters(map[string][]string{"label": {"io.kubernetes.pod.uid"}})
	reply, err := d.ask(ctx, http.MethodGet, "/containers/json?all=1&"+of, nil)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	var found []struct{ ID string }
	if err := json.NewDecoder(reply.Body).Decode(&found); err != nil {
		return err
	}
	for _, one := range found {
		removed, err := d.ask(ctx, http.MethodDelete, "/containers/"+one.ID+"?force=1&v=1", nil)
		if err != nil {
			return err
		}
		said, _ := io.ReadAll(io.LimitReader(removed.Body, 4096))
		removed.Body.Close()
		if removed.StatusCode >= 400 && removed.StatusCode != http.StatusNotFound {
			return fmt.Errorf("the container %.12s cannot be removed: %s", one.ID, said)
		}
	}
	return nil
}
