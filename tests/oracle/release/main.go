// Oracle for release records: writes what helm v3.22.0 and v4.3.1 store for a release's life, and shows that both read what
// windlass stores.
//
//	go run . write DIR     one file per helm version: every step with all Secrets after it
//	go run . read FILE DIR reads a list of Secrets with both versions and writes down what they see
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

const (
	namespace = "town"
	chartPath = "chart"
)

// step is one thing done with helm and what its Secrets were afterwards.
type step struct {
	Step    string   `json:"step"`
	Error   string   `json:"error,omitempty"`
	Records []record `json:"records,omitempty"`
	// Heads holds name, version and status only, where nothing else is of interest.
	Heads []string `json:"heads,omitempty"`
}

// record is one Secret as the API gives it, and its payload unpacked by Go.
type record struct {
	Secret  v1.Secret       `json:"secret"`
	Payload json.RawMessage `json:"payload"`
}

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "write":
		save(filepath.Join(os.Args[2], "helm3.json"), life3())
		save(filepath.Join(os.Args[2], "helm4.json"), life4())
	case len(os.Args) == 4 && os.Args[1] == "read":
		var secrets []v1.Secret
		data, err := os.ReadFile(os.Args[2])
		check(err)
		check(json.Unmarshal(data, &secrets))
		save(filepath.Join(os.Args[3], "read-by-helm3.json"), read3(client(secrets)))
		save(filepath.Join(os.Args[3], "read-by-helm4.json"), read4(client(secrets)))
	default:
		fmt.Fprintln(os.Stderr, "usage: write DIR | read FILE DIR")
		os.Exit(2)
	}
}

func client(secrets []v1.Secret) corev1.SecretInterface {
	secretsClient := fake.NewClientset().CoreV1().Secrets(namespace)
	for i := range secrets {
		secrets[i].ResourceVersion = ""
		_, err := secretsClient.Create(context.Background(), &secrets[i], metav1.CreateOptions{})
		check(err)
	}
	return secretsClient
}

func snapshot(name, release string, secrets corev1.SecretInterface, failure error) step {
	list, err := secrets.List(context.Background(), metav1.ListOptions{LabelSelector: "name=" + release})
	check(err)
	sort.Slice(list.Items, func(i, j int) bool { return list.Items[i].Name < list.Items[j].Name })
	s := step{Step: name}
	if failure != nil {
		s.Error = failure.Error()
	}
	for _, secret := range list.Items {
		secret.APIVersion, secret.Kind = "v1", "Secret"
		secret.ManagedFields = nil
		if release == "third" {
			s.Heads = append(s.Heads, secret.Name+" "+secret.Labels["status"])
			continue
		}
		s.Records = append(s.Records, record{Secret: secret, Payload: unpack(secret.Data["release"])})
	}
	return s
}

func unpack(payload []byte) json.RawMessage {
	packed, err := base64.StdEncoding.DecodeString(string(payload))
	check(err)
	r, err := gzip.NewReader(bytes.NewReader(packed))
	check(err)
	text, err := io.ReadAll(r)
	check(err)
	return text
}

func save(path string, what any) {
	data, err := json.MarshalIndent(what, "", " ")
	check(err)
	check(os.WriteFile(path, append(data, '\n'), 0o644))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
