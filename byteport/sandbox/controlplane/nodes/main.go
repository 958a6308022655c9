// Command nodes is the kubelet's read endpoint (logs and exec) for simulated nodes, and their metrics (metrics.go).
//
// It runs no program. What a container printed, and what a command answers, lies in files:
//
//	DIR/NAMESPACE/POD/CONTAINER/current.log     the running container's log
//	DIR/NAMESPACE/POD/CONTAINER/previous.log    the log of the container before it
//	DIR/NAMESPACE/POD/CONTAINER/exec.json       [{"argv": [...], "stdout": "", "stderr": "", "exit_code": 0, "delay_ms": 0}]
//
// An answer may have a "then": answers that take the place of those of their argv once it has been given, so that a
// command can be seen to have done something.
//
// POD is a pod's name, or a prefix of it that ends before a dash; the longest that holds the file wins. An argv is
// matched word for word. What is not simulated (stdin, tty, follow, since, timestamps) is refused, never guessed.
// Only the API server may call: it shows a client certificate of the control plane's own authority.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/utils/exec"
)

const (
	idleTimeout     = 5 * time.Minute
	creationTimeout = 30 * time.Second
	commandNotFound = 127
)

var objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)

type reply struct {
	Argv     []string `json:"argv"`
	Stdout   string   `json:"stdout"`
	Stderr   string   `json:"stderr"`
	ExitCode int      `json:"exit_code"`
	DelayMs  int      `json:"delay_ms"`
	Then     []reply  `json:"then,omitempty"`
}

// node answers from the files under dir.
type node struct {
	dir     string
	replies *sync.Mutex
}

// read returns the named file of a container, and where it lies: of the pod itself, else of the longest prefix that has
// one.
func (n node) read(namespace, pod, container, name string) ([]byte, string, error) {
	for _, part := range []string{namespace, pod, container} {
		if !objectName.MatchString(part) {
			return nil, "", fmt.Errorf("%q is no object's name", part)
		}
	}
	entries, err := os.ReadDir(filepath.Join(n.dir, namespace))
	if err != nil {
		return nil, "", err
	}
	var owners []string
	for _, entry := range entries {
		if pod == entry.Name() || strings.HasPrefix(pod, entry.Name()+"-") {
			owners = append(owners, entry.Name())
		}
	}
	slices.SortFunc(owners, func(a, b string) int { return len(b) - len(a) })
	for _, owner := range owners {
		file := filepath.Join(n.dir, namespace, owner, container, name)
		content, err := os.ReadFile(file)
		if !errors.Is(err, os.ErrNotExist) {
			return content, file, err
		}
	}
	return nil, "", os.ErrNotExist
}

func (n node) logs(w http.ResponseWriter, q *http.Request) {
	namespace, pod, container := q.PathValue("namespace"), q.PathValue("pod"), q.PathValue("container")
	query := q.URL.Query()
	for _, option := range []string{"follow", "sinceSeconds", "sinceTime", "timestamps"} {
		if value := query.Get(option); value != "" && value != "false" {
			http.Error(w, "a simulated node does not model the log option "+option, http.StatusBadRequest)
			return
		}
	}
	name := "current.log"
	if query.Get("previous") == "true" {
		name = "previous.log"
	}
	content, _, err := n.read(namespace, pod, container, name)
	switch {
	case err == nil:
	case errors.Is(err, os.ErrNotExist) && name == "previous.log":
		message := fmt.Sprintf("previous terminated container %q in pod %q not found", container, pod)
		http.Error(w, message, http.StatusBadRequest)
		return
	case !errors.Is(err, os.ErrNotExist):
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	content, err = cut(content, query)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Write(content)
}

// cut applies tailLines, then limitBytes, in the kubelet's order.
func cut(content []byte, query url.Values) ([]byte, error) {
	if text := query.Get("tailLines"); text != "" {
		lines, err := strconv.Atoi(text)
		if err != nil || lines < 0 {
			return nil, fmt.Errorf("tailLines: %q is no count", text)
		}
		all := bytes.SplitAfter(content, []byte("\n"))
		if len(all[len(all)-1]) == 0 {
			all = all[:len(all)-1]
		}
		content = bytes.Join(all[max(0, len(all)-lines):], nil)
	}
	if text := query.Get("limitBytes"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 {
			return nil, fmt.Errorf("limitBytes: %q is no count", text)
		}
		content = content[:min(limit, len(content))]
	}
	return content, nil
}

func (n node) exec(w http.ResponseWriter, q *http.Request) {
	options, err := remotecommand.NewOptions(q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if options.Stdin || options.TTY {
		http.Error(w, "a simulated node takes no stdin and no tty", http.StatusBadRequest)
		return
	}
	pod := q.PathValue("namespace") + "/" + q.PathValue("pod")
	remotecommand.ServeExec(w, q, n, pod, "", q.PathValue("container"), q.URL.Query()["command"], options,
		idleTimeout, creationTimeout, remotecommand.SupportedStreamingProtocols)
}

// answer finds what the command answers, and puts the answers in place that follow from it.
func (n node) answer(pod, container string, argv []string) (reply, error) {
	n.replies.Lock()
	defer n.replies.Unlock()
	namespace, name, _ := strings.Cut(pod, "/")
	content, file, err := n.read(namespace, name, container, "exec.json")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return reply{}, err
	}
	var replies []reply
	if len(content) > 0 {
		if err := json.Unmarshal(content, &replies); err != nil {
			return reply{}, fmt.Errorf("exec.json of %s/%s: %w", pod, container, err)
		}
	}
	found := slices.IndexFunc(replies, func(r reply) bool { return slices.Equal(r.Argv, argv) })
	if found < 0 {
		missing := fmt.Sprintf("exec: %q: executable file not found in $PATH\n", strings.Join(argv, " "))
		return reply{Stderr: missing, ExitCode: commandNotFound}, nil
	}
	said := replies[found]
	if len(said.Then) == 0 {
		return said, nil
	}
	kept := slices.DeleteFunc(replies, func(r reply) bool {
		return slices.ContainsFunc(said.Then, func(next reply) bool { return slices.Equal(next.Argv, r.Argv) })
	})
	return said, replace(file, append(kept, said.Then...))
}

// replace writes a file anew, so that nobody ever reads half of it.
func replace(file string, replies []reply) error {
	content, err := json.MarshalIndent(replies, "", " ")
	if err != nil {
		return err
	}
	part := file + ".next"
	if err := os.WriteFile(part, content, 0o600); err != nil {
		return err
	}
	return os.Rename(part, file)
}

// ExecInContainer answers as the file says. It starts nothing: a command without an answer was not found.
func (n node) ExecInContainer(
	ctx context.Context, pod, _, container string, argv []string, _ io.Reader, stdout, stderr io.WriteCloser,
	_ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration,
) error {
	answer, err := n.answer(pod, container, argv)
	if err != nil {
		return err
	}
	select {
	case <-time.After(time.Duration(answer.DelayMs) * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	if stdout != nil {
		io.WriteString(stdout, answer.Stdout)
	}
	if stderr != nil {
		io.WriteString(stderr, answer.Stderr)
	}
	if answer.ExitCode != 0 {
		return exec.CodeExitError{Err: fmt.Errorf("exit status %d", answer.ExitCode), Code: answer.ExitCode}
	}
	return nil
}

func main() {
	listen := flag.String("listen", "", "address and port, on loopback")
	dir := flag.String("replies", "", "folder of the logs and answers")
	certificate := flag.String("cert", "", "serving certificate")
	key := flag.String("key", "", "its key")
	clients := flag.String("client-ca", "", "authority that signed the API server's certificates")
	api := flag.String("api-server", "", "the API server's address, which is asked for pods and nodes")
	flag.Parse()
	authority, err := os.ReadFile(*clients)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		log.Fatalf("%s holds no certificate", *clients)
	}
	own, err := tls.LoadX509KeyPair(*certificate, *key)
	if err != nil {
		log.Fatal(err)
	}
	n := node{*dir, &sync.Mutex{}}
	routes := http.NewServeMux()
	newMetrics(*api, pool, own).routes(routes)
	routes.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", n.logs)
	routes.HandleFunc("/exec/{namespace}/{pod}/{container}", n.exec)
	routes.HandleFunc("/exec/{namespace}/{pod}/{uid}/{container}", n.exec)
	server := &http.Server{
		Addr:              *listen,
		Handler:           routes,
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{
			ClientAuth: tls.RequireAndVerifyClientCert,
			ClientCAs:  pool,
			MinVersion: tls.VersionTLS12,
		},
	}
	log.Fatal(server.ListenAndServeTLS(*certificate, *key))
}
