// Package store guards the state of the cluster, which etcd keeps in a few files: it takes backups, sees whether the
// files are whole before etcd opens them, and puts the newest good backup in their place if they are not.
//
// All of that is etcd's own (etcdutl); when it is done is ours.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"
)

const (
	// kept is how many backups there are at most, besides one of the version before; keptBytes their size together,
	// beyond which fewer are kept, but always the newest two.
	kept, keptBytes = 5, 1 << 30

	// What etcd calls itself and its only member; see the arguments it is started with.
	member  = "slipway"
	peerURL = "http://localhost:2380"

	// Revisions must not go backwards for clients that have seen newer ones (etcd's "Disaster recovery").
	revisionBump = 1_000_000_000

	extension  = ".db"
	timeFormat = "20060102T150405Z"
)

// ErrDamaged is what Open returns when the files are not whole and there is no backup of them.
var ErrDamaged = errors.New("the cluster's data is damaged, and there is no good backup")

// Guard guards the state of one cluster. Below Root are etcd's files (etcd), those it was restored in place of
// (etcd.damaged), the backups, and the version of Kubernetes that has last used them (version).
type Guard struct {
	Root    string
	Version string // of Kubernetes now, as v1.37.2
	// Verify returns an error that says what is wrong with etcd's files in a folder, or nil.
	Verify func(folder string) error
}

func (g Guard) etcd() string    { return filepath.Join(g.Root, "etcd") }
func (g Guard) backups() string { return filepath.Join(g.Root, "backups") }
func (g Guard) version() string { return filepath.Join(g.Root, "version") }

// Before is the version that has last used the files; empty when none was ever ready.
func (g Guard) Before() (string, error) {
	text, err := os.ReadFile(g.version())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

// Used says that this version uses the files from now on.
func (g Guard) Used() error {
	if before, err := g.Before(); err != nil || before == g.Version {
		return err
	}
	part := g.version() + ".new"
	if err := os.WriteFile(part, []byte(g.Version+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(part, g.version())
}

// Open sees that etcd, which does not run, finds whole files or none. It returns what is to be told: which backup it
// has restored, and why; empty when all was well.
func (g Guard) Open() (told string, err error) {
	before, err := g.Before()
	if err != nil {
		return "", err
	}
	if err := g.finish(); err != nil {
		return "", err
	}
	_, missing := os.Stat(filepath.Join(g.etcd(), "member"))
	if missing != nil && before == "" {
		return "", nil
	}
	problem := missing
	if missing == nil {
		if problem = g.Verify(g.etcd()); problem == nil {
			return "", nil
		}
	}
	if before == "" { // a first start that was cut off: nothing was ever kept in it
		return "", os.RemoveAll(g.etcd())
	}
	fmt.Fprintln(os.Stderr, "the data of etcd is damaged:", problem)
	from, err := g.restore()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("The cluster's data was damaged, and the backup of %s was restored", from), nil
}

// finish ends a restoration that was cut off between its two renames.
func (g Guard) finish() error {
	if _, err := os.Stat(g.etcd()); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(g.ready()); err == nil {
			return os.Rename(g.ready(), g.etcd())
		}
	}
	return nil
}

func (g Guard) ready() string { return g.etcd() + ".restored" }

// restore puts the newest good backup in the place of etcd's files; returns when it was taken.
func (g Guard) restore() (string, error) {
	found, err := g.list()
	if err != nil {
		return "", err
	}
	for _, one := range slices.Backward(found) {
		if err := g.unpack(one); err != nil {
			fmt.Fprintln(os.Stderr, "the backup", one.path, "cannot be restored:", err)
			continue
		}
		return one.taken.Format("2006-01-02 15:04 MST"), g.replace()
	}
	return "", ErrDamaged
}

// Restore puts the backup of this number in the place of etcd's files, while etcd does not run. If that is not possible
// they stay as they are.
func (g Guard) Restore(number int) error {
	found, err := g.list()
	if err != nil {
		return err
	}
	for _, one := range slices.Backward(found) {
		if one.number == number {
			if err := errors.Join(g.finish(), g.unpack(one)); err != nil {
				return err
			}
			return g.replace()
		}
	}
	return fmt.Errorf("there is no backup %d", number)
}

// unpack makes etcd's files out of a backup, beside those that there are.
func (g Guard) unpack(one backup) error {
	part := g.etcd() + ".new"
	if err := errors.Join(os.RemoveAll(part), os.RemoveAll(g.ready())); err != nil {
		return err
	}
	config := snapshot.RestoreConfig{
		SnapshotPath: one.path, Name: member, OutputDataDir: part, PeerURLs: []string{peerURL},
		InitialCluster: member + "=" + peerURL, InitialClusterToken: "etcd-cluster",
		RevisionBump: revisionBump, MarkCompacted: true,
	}
	if err := snapshot.NewV3(zap.NewNop()).Restore(config); err != nil { // a backup ends with a hash of itself
		return err
	}
	return os.Rename(part, g.ready())
}

// replace puts the unpacked files in the place of etcd's, which are kept.
func (g Guard) replace() error {
	damaged := g.etcd() + ".damaged"
	if err := os.RemoveAll(damaged); err != nil {
		return err
	}
	if err := os.Rename(g.etcd(), damaged); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return g.finish()
}

// Back takes a backup of what etcd, which answers at a Unix socket, has now, and deletes old ones.
func (g Guard) Back(ctx context.Context, socket string) error {
	if err := g.Take(ctx, socket); err != nil {
		return err
	}
	return g.prune()
}

// Take takes a backup, and deletes none: the oldest may be the one that is wanted.
func (g Guard) Take(ctx context.Context, socket string) error {
	if err := os.MkdirAll(g.backups(), 0o700); err != nil {
		return err
	}
	found, err := g.list()
	if err != nil {
		return err
	}
	number := 1
	if len(found) > 0 {
		number = found[len(found)-1].number + 1
	}
	version, err := g.Before()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%06d-%s-%s%s", number, cmp.Or(version, g.Version), time.Now().UTC().Format(timeFormat), extension)
	config := clientv3.Config{Endpoints: []string{"unix://" + socket}, DialTimeout: time.Minute}
	_, err = snapshot.NewV3(zap.NewNop()).Save(ctx, config, filepath.Join(g.backups(), name))
	return err
}

// Due is how long it takes until the newest backup is that old; zero when there is none.
func (g Guard) Due(age time.Duration) time.Duration {
	found, err := g.list()
	if err != nil || len(found) == 0 {
		return 0
	}
	past := time.Since(found[len(found)-1].taken)
	return min(max(age-past, 0), age) // the clock may have been wrong when it was taken
}

type backup struct {
	path    string
	number  int // they are counted, since the clock can go backwards
	version string
	taken   time.Time
	size    int64
}

// list has the backups, the oldest first. Files of other names are none.
func (g Guard) list() ([]backup, error) {
	entries, err := os.ReadDir(g.backups())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	found := []backup{}
	for _, entry := range entries {
		name, is := strings.CutSuffix(entry.Name(), extension)
		words := strings.Split(name, "-")
		if !is || len(words) < 3 {
			continue
		}
		one := backup{path: filepath.Join(g.backups(), entry.Name())}
		one.version = strings.Join(words[1:len(words)-1], "-")
		one.taken, err = time.Parse(timeFormat, words[len(words)-1])
		if _, scanned := fmt.Sscanf(words[0], "%d", &one.number); err != nil || scanned != nil {
			continue
		}
		if info, err := entry.Info(); err == nil {
			one.size = info.Size()
			found = append(found, one)
		}
	}
	slices.SortFunc(found, func(a, b backup) int { return cmp.Compare(a.number, b.number) })
	return found, nil
}

func (g Guard) prune() error {
	found, err := g.list()
	if err != nil {
		return err
	}
	var problems []error
	newest, total, older := 0, int64(0), ""
	for _, one := range slices.Backward(found) {
		newest, total = newest+1, total+one.size
		keep := newest <= 2 || newest <= kept && total <= keptBytes
		if !keep && older == "" && one.version != g.Version {
			older, keep = one.path, true
		}
		if !keep {
			problems = append(problems, os.Remove(one.path))
		}
	}
	parts, _ := filepath.Glob(filepath.Join(g.backups(), "*.part")) // of one that was cut off
	for _, part := range parts {
		problems = append(problems, os.Remove(part))
	}
	return errors.Join(problems...)
}

// Verify reads all of etcd's files in a folder, while etcd does not run, and returns what is wrong with them. Of some
// damage the program dies: call it in a process of its own.
func Verify(folder string) error {
	silent := zap.NewNop()
	logs := filepath.Join(folder, "member", "wal")
	known, err := wal.ValidSnapshotEntries(silent, logs)
	if err != nil {
		return fmt.Errorf("the write-ahead log: %w", err)
	}
	if len(known) == 0 {
		return errors.New("the write-ahead log has no beginning")
	}
	if _, err := wal.Verify(silent, logs, known[len(known)-1]); err != nil {
		return fmt.Errorf("the write-ahead log: %w", err)
	}
	if _, err := snapshot.NewV3(silent).Status(filepath.Join(folder, "member", "snap", "db")); err != nil {
		return fmt.Errorf("the database: %w", err)
	}
	return nil
}
