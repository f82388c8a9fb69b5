{{- define "asynctask.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* Prefix of all names: the release's, unless that already says what it is. */ -}}
{{- define "asynctask.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "asynctask.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "asynctask.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "asynctask.labels" -}}
app.kubernetes.io/name: {{ include "asynctask.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: asynctask
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* What never changes of a component's labels: (dict "root" $ "component" "operator"). */ -}}
{{- define "asynctask.selector" -}}
app.kubernetes.io/name: {{ include "asynctask.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- /* Labels of a component's objects. */ -}}
{{- define "asynctask.componentLabels" -}}
{{ include "asynctask.labels" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "asynctask.serviceAccount" -}}
{{- $values := index .root.Values .component -}}
{{- default (printf "%s-%s" (include "asynctask.fullname" .root) .component) $values.serviceAccount.name -}}
{{- end -}}

{{- define "asynctask.registry" -}}
{{- $registry := default .registry (.root.Values.global | default dict).imageRegistry -}}
{{- if $registry -}}{{- trimSuffix "/" $registry -}}/{{- end -}}
{{- end -}}

{{- define "asynctask.image" -}}
{{- $image := .Values.image -}}
{{- include "asynctask.registry" (dict "root" . "registry" $image.registry) -}}{{- $image.repository -}}
{{- if $image.digest -}}@{{- $image.digest -}}{{- else -}}:{{- default .Chart.AppVersion $image.tag -}}{{- end -}}
{{- end -}}

{{- /* A shipped task type's image, `asynctask/stage-NAME:dev`, as this installation has it: (dict "root" $ "image" …). */ -}}
{{- define "asynctask.stageImage" -}}
{{- $values := .root.Values.stageImages -}}
{{- $pattern := "^asynctask/stage-([a-z0-9-]+):dev$" -}}
{{- if not (regexMatch $pattern .image) -}}
{{- fail (printf "a shipped task type names the image %s; expected asynctask/stage-NAME:dev" .image) -}}
{{- end -}}
{{- $name := regexReplaceAll $pattern .image "${1}" -}}
{{- include "asynctask.registry" (dict "root" .root "registry" $values.registry) -}}{{- $values.prefix -}}{{- $name -}}
{{- $digest := get $values.digests $name -}}
{{- if $digest -}}@{{- $digest -}}{{- else -}}:{{- default .root.Chart.AppVersion $values.tag -}}{{- end -}}
{{- end -}}

{{- /* The base URL under which stage pods reach the gateway; empty without one. */ -}}
{{- define "asynctask.gatewayUrl" -}}
{{- if .Values.gateway.enabled -}}
http://{{ include "asynctask.fullname" . }}-gateway.{{ .Release.Namespace }}.svc:{{ .Values.gateway.service.port }}
{{- end -}}
{{- end -}}

{{- /* Settings that operator and gateway share, then those of the component's `settings`. */ -}}
{{- define "asynctask.env" -}}
{{- $values := index .root.Values .component -}}
- name: ASYNCTASK_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: ASYNCTASK_WATCH_NAMESPACES
  value: {{ .root.Values.watchNamespaces | toJson | quote }}
- name: ASYNCTASK_LOG_LEVEL
  value: {{ .root.Values.log.level | quote }}
- name: ASYNCTASK_LOG_FORMAT
  value: {{ .root.Values.log.format | quote }}
{{- range $name, $value := $values.settings }}
- name: ASYNCTASK_{{ upper $name }}
  value: {{ if kindIs "float64" $value }}{{ $value | toJson | quote }}{{ else }}{{ $value | quote }}{{ end }}
{{- end }}
{{- end -}}

{{- /* Where a component's pods may run: (dict "root" $ "component" …). */ -}}
{{- define "asynctask.placement" -}}
{{- $values := index .root.Values .component -}}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
affinity:
{{- if $values.affinity }}
  {{- toYaml $values.affinity | nindent 2 }}
{{- else }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "asynctask.selector" . | nindent 14 }}
{{- end }}
{{- with $values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Liveness and readiness, on the port called metrics. */ -}}
{{- define "asynctask.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 5
  timeoutSeconds: 3
{{- end -}}

{{- /* A role and its binding: in each watched namespace, or for the cluster when all are watched.
(dict "root" $ "component" "operator" "rules" "…yaml…") */ -}}
{{- define "asynctask.namespacedRole" -}}
{{- $root := .root -}}
{{- $name := printf "%s-%s" (include "asynctask.fullname" $root) .component -}}
{{- $labels := include "asynctask.componentLabels" . -}}
{{- $clusterWide := empty $root.Values.watchNamespaces -}}
{{- $rules := .rules -}}
{{- $account := include "asynctask.serviceAccount" . -}}
{{- range $namespace := (ternary (list "") $root.Values.watchNamespaces $clusterWide) }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ ternary "ClusterRole" "Role" $clusterWide }}
metadata:
  name: {{ $name }}
  {{- if $namespace }}
  namespace: {{ $namespace }}
  {{- end }}
  labels:
    {{- $labels | nindent 4 }}
rules:
  {{- $rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ ternary "ClusterRoleBinding" "RoleBinding" $clusterWide }}
metadata:
  name: {{ $name }}
  {{- if $namespace }}
  namespace: {{ $namespace }}
  {{- end }}
  labels:
    {{- $labels | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ ternary "ClusterRole" "Role" $clusterWide }}
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $account }}
    namespace: {{ $root.Release.Namespace }}
{{- end }}
{{- end -}}

{{- /* A cluster role and its binding for what has no namespace: (dict "root" $ "component" … "rules" "…yaml…"). */ -}}
{{- define "asynctask.clusterRole" -}}
{{- $name := printf "%s-%s-cluster" (include "asynctask.fullname" .root) .component -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $name }}
  labels:
    {{- include "asynctask.componentLabels" . | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "asynctask.componentLabels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "asynctask.serviceAccount" . }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}

{{- /* The Lease by which one replica of a component leads: (dict "root" $ "component" …). */ -}}
{{- define "asynctask.leaseRole" -}}
{{- $name := printf "%s-%s" (include "asynctask.fullname" .root) .component -}}
---
# The Lease by which one replica leads. `create` can't be bound to a name.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}-lease
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "asynctask.componentLabels" . | nindent 4 }}
rules:
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    verbs: [create]
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    resourceNames: [{{ $name }}]
    verbs: [get, update]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}-lease
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "asynctask.componentLabels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}-lease
subjects:
  - kind: ServiceAccount
    name: {{ include "asynctask.serviceAccount" . }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}

{{- /* What the pods of the chart's own Jobs have in common: (dict "root" $ "account" …). They run where the operator may. */ -}}
{{- define "asynctask.jobPod" -}}
restartPolicy: Never
serviceAccountName: {{ .account }}
automountServiceAccountToken: true
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .root.Values.operator.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.operator.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "asynctask.jobContainer" -}}
env:
  - name: PYTHONDONTWRITEBYTECODE
    value: "1"
resources:
  requests:
    cpu: 20m
    memory: 32Mi
  limits:
    cpu: 500m
    memory: 128Mi
securityContext:
  {{- toYaml .Values.containerSecurityContext | nindent 2 }}
{{- end -}}
