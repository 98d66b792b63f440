package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func read(t *testing.T, parts ...string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func certificate(t *testing.T, parts ...string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(read(t, parts...))
	found, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAuthoritiesStayAndLeavesAreMadeAgain(t *testing.T) {
	kept, made := t.TempDir(), filepath.Join(t.TempDir(), "made")
	for range 2 {
		if err := Write(kept, made, []net.IP{net.IPv4(10, 0, 2, 15)}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"ca.crt", "accounts.pub", "apiserver.crt", "admin.conf"} {
			before, err := os.ReadFile(filepath.Join(kept, "before-"+name))
			same := bytes.Equal(before, read(t, made, name))
			if stays := name == "ca.crt" || name == "accounts.pub"; err == nil && same != stays {
				t.Errorf("%s: the same as before: %v", name, same)
			}
			if err := os.WriteFile(filepath.Join(kept, "before-"+name), read(t, made, name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestTheServerIsTrustedAtEachOfItsNamesAndTimes(t *testing.T) {
	kept, made := t.TempDir(), filepath.Join(t.TempDir(), "made")
	if err := Write(kept, made, []net.IP{net.IPv4(10, 96, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate(t, made, "ca.crt"))
	server := certificate(t, made, "apiserver.crt")
	for _, name := range []string{"127.0.0.1", "::1", "10.96.0.1", "localhost", "kubernetes.default.svc"} {
		for _, days := range []int{-400, 0, 400} { // the clock is wrong, or time has passed
			at := time.Now().AddDate(0, 0, days)
			if _, err := server.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: at}); err != nil {
				t.Errorf("%s, %d days on: %v", name, days, err)
			}
		}
	}
	if _, err := certificate(t, made, "front-client.crt").Verify(x509.VerifyOptions{Roots: roots}); err == nil {
		t.Error("the authority of the front proxy must be another one")
	}
}

func TestADamagedAuthorityIsNotReplaced(t *testing.T) {
	kept, made := t.TempDir(), filepath.Join(t.TempDir(), "made")
	if err := os.WriteFile(filepath.Join(kept, "ca.crt"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(kept, made, nil); err == nil {
		t.Error("the cluster's clients would no longer trust it")
	}
	if string(read(t, kept, "ca.crt")) != "damaged" {
		t.Error("it was overwritten")
	}
}

func TestNobodyElseReadsTheKeys(t *testing.T) {
	kept, made := t.TempDir(), filepath.Join(t.TempDir(), "made")
	if err := Write(kept, made, nil); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{kept, made} {
		files, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if info, err := file.Info(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v %v", file.Name(), info.Mode(), err)
			}
		}
	}
}
