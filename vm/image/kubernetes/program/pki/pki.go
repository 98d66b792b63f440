// Package pki makes the certificates, keys and kubeconfigs of the cluster.
//
// Two authorities and the key of the service accounts are kept for the life of the cluster. Everything else is made
// again at each start, so that nothing expires in a cluster that is started now and then.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Every certificate is valid from then on, whatever the machine's clock said when it was made.
var validFrom = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

const (
	authorityYears = 100
	leafYears      = 10
	// Node is the name of the one node.
	Node = "slipway"
	// Server is where the parts in the machine reach the API.
	Server = "https://127.0.0.1:6443"
)

// A user of the API: the file with its kubeconfig, its name, and its group, which may be empty.
type user struct{ file, name, group string }

var users = []user{
	{"admin", "slipway-admin", "system:masters"},
	{"controller-manager", "system:kube-controller-manager", ""},
	{"scheduler", "system:kube-scheduler", ""},
	{"kubelet", "system:node:" + Node, "system:nodes"},
	{"proxy", "system:kube-proxy", ""},
	{"dns", "slipway:dns", ""},
	{"provisioner", "slipway:provisioner", ""},
}

type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	encoded     []byte
}

// Write makes all that is missing in kept (0700), and everything in made (0700), which is emptied first:
// NAME.crt and NAME.key in PEM, and NAME.conf, the kubeconfig of each user.
//
// addresses are those of the machine at which the API is asked, besides 127.0.0.1 and ::1.
func Write(kept, made string, addresses []net.IP) error {
	if err := os.MkdirAll(kept, 0o700); err != nil {
		return err
	}
	if err := os.RemoveAll(made); err != nil {
		return err
	}
	if err := os.MkdirAll(made, 0o700); err != nil {
		return err
	}
	ca, err := loadAuthority(kept, "ca", "slipway-kubernetes")
	if err != nil {
		return err
	}
	front, err := loadAuthority(kept, "front-ca", "slipway-front-proxy")
	if err != nil {
		return err
	}
	if err := copyAccountKey(kept, made); err != nil {
		return err
	}
	if err := ca.export(made, "ca", true); err != nil {
		return err
	}
	if err := front.export(made, "front-ca", false); err != nil {
		return err
	}
	local := append([]net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, addresses...)
	server := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	api := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local", "localhost", Node}
	leaves := []struct {
		by     *authority
		file   string
		name   pkix.Name
		usage  []x509.ExtKeyUsage
		names  []string
		places []net.IP
	}{
		{ca, "apiserver", pkix.Name{CommonName: "kube-apiserver"}, server, api, local},
		{ca, "kubelet", pkix.Name{CommonName: Node}, server, []string{Node, "localhost"}, local},
		{ca, "kubelet-client", subject("kube-apiserver-kubelet-client", "system:masters"), client, nil, nil},
		{ca, "metrics", pkix.Name{CommonName: "metrics"}, server, []string{"metrics.kube-system.svc"}, nil},
		{front, "front-client", pkix.Name{CommonName: "front-proxy-client"}, client, nil, nil},
	}
	for _, leaf := range leaves {
		certificate, key, err := leaf.by.issue(leaf.name, leaf.usage, leaf.names, leaf.places)
		if err != nil {
			return err
		}
		if err := writePair(made, leaf.file, certificate, key); err != nil {
			return err
		}
	}
	for _, one := range users {
		certificate, key, err := ca.issue(subject(one.name, one.group), client, nil, nil)
		if err != nil {
			return err
		}
		text := Kubeconfig(Server, ca.encoded, certificate, key)
		if err := os.WriteFile(filepath.Join(made, one.file+".conf"), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Kubeconfig is the file that one user needs to reach the API: its only cluster, user and context are "slipway".
func Kubeconfig(server string, ca, certificate, key []byte) []byte {
	code := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: slipway
  cluster:
    certificate-authority-data: %s
    server: %s
contexts:
- name: slipway
  context:
    cluster: slipway
    user: slipway
users:
- name: slipway
  user:
    client-certificate-data: %s
    client-key-data: %s
current-context: slipway
`, code(ca), server, code(certificate), code(key))
}

func subject(name, group string) pkix.Name {
	if group == "" {
		return pkix.Name{CommonName: name}
	}
	return pkix.Name{CommonName: name, Organization: []string{group}}
}

// loadAuthority reads NAME.crt and NAME.key; where the certificate is missing both are made.
func loadAuthority(folder, file, name string) (*authority, error) {
	encoded, err := os.ReadFile(filepath.Join(folder, file+".crt"))
	if errors.Is(err, fs.ErrNotExist) {
		return makeAuthority(folder, file, name)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(encoded)
	if block == nil {
		return nil, fmt.Errorf("%s.crt is no certificate", file)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s.crt: %w", file, err)
	}
	key, err := readKey(filepath.Join(folder, file+".key"))
	if err != nil {
		return nil, err
	}
	return &authority{certificate, key, encoded}, nil
}

func makeAuthority(folder, file, name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := template(pkix.Name{CommonName: name}, authorityYears)
	template.IsCA = true
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	made, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(made)
	if err != nil {
		return nil, err
	}
	encodedKey, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	encoded := encode("CERTIFICATE", made)
	// the key first: a certificate without one would be found at the next start
	if err := writeWhole(filepath.Join(folder, file+".key"), encodedKey); err != nil {
		return nil, err
	}
	return &authority{certificate, key, encoded}, writeWhole(filepath.Join(folder, file+".crt"), encoded)
}

func (a *authority) issue(
	name pkix.Name, usage []x509.ExtKeyUsage, names []string, places []net.IP,
) (certificate, key []byte, err error) {
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := template(name, leafYears)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage, template.DNSNames, template.IPAddresses = usage, names, places
	signed, err := x509.CreateCertificate(rand.Reader, template, a.certificate, made.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	key, err = encodeKey(made)
	return encode("CERTIFICATE", signed), key, err
}

func (a *authority) export(folder, file string, withKey bool) error {
	if err := os.WriteFile(filepath.Join(folder, file+".crt"), a.encoded, 0o600); err != nil || !withKey {
		return err
	}
	key, err := encodeKey(a.key)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, file+".key"), key, 0o600)
}

// copyAccountKey hands out the key that signs tokens of service accounts, which is made once.
func copyAccountKey(kept, made string) error {
	path := filepath.Join(kept, "accounts.key")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		encoded, err := encodeKey(key)
		if err != nil {
			return err
		}
		if err := writeWhole(path, encoded); err != nil {
			return err
		}
	}
	key, err := readKey(path)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	encoded, err := encodeKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(made, "accounts.key"), encoded, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(made, "accounts.pub"), encode("PUBLIC KEY", public), 0o600)
}

func template(name pkix.Name, years int) *x509.Certificate {
	now := time.Now()
	if now.Before(validFrom) {
		now = validFrom
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(err) // crypto/rand does not fail on Linux
	}
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               name,
		NotBefore:             validFrom,
		NotAfter:              now.AddDate(years, 0, 0),
		BasicConstraintsValid: true,
	}
}

func readKey(path string) (crypto.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s holds no key that signs", path)
	}
	return signer, nil
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	made, err := x509.MarshalPKCS8PrivateKey(key)
	return encode("PRIVATE KEY", made), err
}

func encode(kind string, content []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
}

func writePair(folder, file string, certificate, key []byte) error {
	if err := os.WriteFile(filepath.Join(folder, file+".crt"), certificate, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, file+".key"), key, 0o600)
}

// writeWhole makes a file (0600) that is there with all of its content, or not at all, also after a power cut.
func writeWhole(path string, content []byte) error {
	part := path + ".new"
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
