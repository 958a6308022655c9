package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// What is used is said by annotations: of a pod or a node itself, or of a Deployment, whose ReplicaSets carry them too.
// A load is shared by the Ready pods of its Deployment, so that more replicas use less each.
const (
	usageCPU    = "sim.byteport.io/usage-cpu"
	usageMemory = "sim.byteport.io/usage-memory"
	loadCPU     = "sim.byteport.io/load-cpu"
	loadMemory  = "sim.byteport.io/load-memory"
	atFault     = "sim.byteport.io/container"

	metricsGroup = "metrics.k8s.io/v1beta1"
	window       = 5 * time.Second
)

type object struct {
	Metadata struct {
		Name            string            `json:"name"`
		Namespace       string            `json:"namespace"`
		UID             string            `json:"uid"`
		Labels          map[string]string `json:"labels"`
		Annotations     map[string]string `json:"annotations"`
		OwnerReferences []struct {
			UID        string `json:"uid"`
			Controller bool   `json:"controller"`
		} `json:"ownerReferences"`
	} `json:"metadata"`
	Spec struct {
		NodeName   string                  `json:"nodeName"`
		Containers []struct{ Name string } `json:"containers"`
	} `json:"spec"`
	Status struct {
		Phase      string                          `json:"phase"`
		Conditions []struct{ Type, Status string } `json:"conditions"`
	} `json:"status"`
}

func (o object) controller() string {
	for _, owner := range o.Metadata.OwnerReferences {
		if owner.Controller {
			return owner.UID
		}
	}
	return ""
}

func (o object) ready() bool {
	for _, condition := range o.Status.Conditions {
		if condition.Type == "Ready" {
			return condition.Status == "True"
		}
	}
	return false
}

type usage struct {
	CPU    resource.Quantity `json:"cpu"`
	Memory resource.Quantity `json:"memory"`
}

type metadata struct {
	Name              string            `json:"name"`
	Namespace         string            `json:"namespace,omitempty"`
	Labels            map[string]string `json:"labels,omitempty"`
	CreationTimestamp string            `json:"creationTimestamp"`
}

type containerUsage struct {
	Name  string `json:"name"`
	Usage usage  `json:"usage"`
}

type measured struct {
	Kind       string           `json:"kind"`
	APIVersion string           `json:"apiVersion"`
	Metadata   metadata         `json:"metadata"`
	Timestamp  string           `json:"timestamp"`
	Window     string           `json:"window"`
	Containers []containerUsage `json:"containers,omitempty"`
	Usage      *usage           `json:"usage,omitempty"`
}

// metrics answers metrics.k8s.io from what the API server knows of pods and nodes.
type metrics struct {
	api    string
	client *http.Client
}

func newMetrics(api string, authority *x509.CertPool, own tls.Certificate) metrics {
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs:      authority,
		Certificates: []tls.Certificate{own},
		MinVersion:   tls.VersionTLS12,
	}}
	return metrics{api, &http.Client{Transport: transport, Timeout: 10 * time.Second}}
}

func (m metrics) routes(routes *http.ServeMux) {
	base := "GET /apis/" + metricsGroup
	routes.HandleFunc(base, m.discovery)
	routes.HandleFunc(base+"/pods", m.pods)
	routes.HandleFunc(base+"/namespaces/{namespace}/pods", m.pods)
	routes.HandleFunc(base+"/namespaces/{namespace}/pods/{name}", m.pods)
	routes.HandleFunc(base+"/nodes", m.nodes)
	routes.HandleFunc(base+"/nodes/{name}", m.nodes)
}

func (m metrics) discovery(w http.ResponseWriter, _ *http.Request) {
	type served struct {
		Name         string   `json:"name"`
		SingularName string   `json:"singularName"`
		Namespaced   bool     `json:"namespaced"`
		Kind         string   `json:"kind"`
		Verbs        []string `json:"verbs"`
	}
	answer(w, map[string]any{
		"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": metricsGroup,
		"resources": []served{
			{"nodes", "", false, "NodeMetrics", []string{"get", "list"}},
			{"pods", "", true, "PodMetrics", []string{"get", "list"}},
		},
	})
}

func (m metrics) pods(w http.ResponseWriter, q *http.Request) {
	path := "/api/v1/pods"
	if namespace := q.PathValue("namespace"); namespace != "" {
		path = "/api/v1/namespaces/" + url.PathEscape(namespace) + "/pods"
	}
	found, err := m.measurePods(path)
	m.send(w, q, "PodMetricsList", "pods", found, err)
}

func (m metrics) nodes(w http.ResponseWriter, q *http.Request) {
	found, err := m.measureNodes()
	m.send(w, q, "NodeMetricsList", "nodes", found, err)
}

// send answers with one of them, where the path names it, or with those that the selector takes.
func (m metrics) send(w http.ResponseWriter, q *http.Request, kind, plural string, found []measured, err error) {
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "ServiceUnavailable", err.Error())
		return
	}
	if name := q.PathValue("name"); name != "" {
		for _, one := range found {
			if one.Metadata.Name == name {
				answer(w, one)
				return
			}
		}
		refuse(w, http.StatusNotFound, "NotFound", fmt.Sprintf("%s.metrics.k8s.io %q not found", plural, name))
		return
	}
	selects, err := selector(q.URL.Query().Get("labelSelector"))
	if err != nil {
		refuse(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	items := []measured{}
	for _, one := range found {
		if selects(one.Metadata.Labels) {
			items = append(items, one)
		}
	}
	answer(w, map[string]any{"kind": kind, "apiVersion": metricsGroup, "metadata": struct{}{}, "items": items})
}

func (m metrics) measurePods(path string) ([]measured, error) {
	pods, err := m.list(path)
	if err != nil {
		return nil, err
	}
	sets, err := m.list("/apis/apps/v1/replicasets")
	if err != nil {
		return nil, err
	}
	bySet := map[string]object{}
	for _, set := range sets {
		bySet[set.Metadata.UID] = set
	}
	sharing := map[string]int64{}
	for _, pod := range pods {
		if set, known := bySet[pod.controller()]; known && pod.ready() {
			sharing[set.controller()]++
		}
	}
	found := []measured{}
	for _, pod := range pods {
		if pod.Status.Phase != "Running" {
			continue
		}
		set := bySet[pod.controller()]
		one := blank("PodMetrics", pod)
		for index, container := range pod.Spec.Containers {
			used := usage{quantity("1m"), quantity("1Mi")}
			named := pod.Metadata.Annotations[atFault]
			if container.Name == named || (named == "" && index == 0) {
				used = m.used(pod, set, max(1, sharing[set.controller()]))
			}
			one.Containers = append(one.Containers, containerUsage{container.Name, used})
		}
		found = append(found, one)
	}
	return found, nil
}

// used is what the container that carries a pod's load uses.
func (m metrics) used(pod, set object, sharing int64) usage {
	used := usage{quantity("1m"), quantity("1Mi")}
	if text, said := set.Metadata.Annotations[loadCPU]; said {
		total := quantity(text)
		used.CPU = *resource.NewMilliQuantity(total.MilliValue()/sharing, resource.DecimalSI)
	}
	if text, said := set.Metadata.Annotations[loadMemory]; said {
		total := quantity(text)
		used.Memory = *resource.NewQuantity(total.Value()/sharing, resource.BinarySI)
	}
	if text, said := pod.Metadata.Annotations[usageCPU]; said {
		used.CPU = quantity(text)
	}
	if text, said := pod.Metadata.Annotations[usageMemory]; said {
		used.Memory = quantity(text)
	}
	return used
}

func (m metrics) measureNodes() ([]measured, error) {
	nodes, err := m.list("/api/v1/nodes")
	if err != nil {
		return nil, err
	}
	found := []measured{}
	for _, node := range nodes {
		one := blank("NodeMetrics", node)
		one.Usage = &usage{quantity("100m"), quantity("1Gi")}
		if text, said := node.Metadata.Annotations[usageCPU]; said {
			one.Usage.CPU = quantity(text)
		}
		if text, said := node.Metadata.Annotations[usageMemory]; said {
			one.Usage.Memory = quantity(text)
		}
		found = append(found, one)
	}
	return found, nil
}

func (m metrics) list(path string) ([]object, error) {
	response, err := m.client.Get(m.api + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", path, response.Status)
	}
	var listed struct {
		Items []object `json:"items"`
	}
	if err := json.NewDecoder(response.Body).Decode(&listed); err != nil {
		return nil, fmt.Errorf("GET %s: %w", path, err)
	}
	return listed.Items, nil
}

func blank(kind string, of object) measured {
	now := time.Now().UTC().Format(time.RFC3339)
	named := metadata{of.Metadata.Name, of.Metadata.Namespace, of.Metadata.Labels, now}
	return measured{Kind: kind, APIVersion: metricsGroup, Metadata: named, Timestamp: now, Window: window.String()}
}

// quantity reads an annotation; what is no quantity is nothing.
func quantity(text string) resource.Quantity {
	read, err := resource.ParseQuantity(text)
	if err != nil {
		return resource.Quantity{}
	}
	return read
}

// selector takes equality only, which is what autoscalers of Deployments send.
func selector(text string) (func(map[string]string) bool, error) {
	wanted := map[string]string{}
	for _, part := range strings.Split(text, ",") {
		if part == "" {
			continue
		}
		key, value, equal := strings.Cut(part, "=")
		if !equal || strings.ContainsAny(key, "! ()") {
			return nil, fmt.Errorf("the simulated metrics do not model the label selector %q", part)
		}
		wanted[key] = strings.TrimPrefix(value, "=")
	}
	return func(labels map[string]string) bool {
		for key, value := range wanted {
			if labels[key] != value {
				return false
			}
		}
		return true
	}, nil
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure",
		"reason": reason, "code": status, "message": message,
	})
}
