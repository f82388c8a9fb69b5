{{- /* Why a Job applies these and not Helm: Helm looks every kind up before it installs anything, so a release can't hold
both a definition and an object of it; and as hooks they would be deleted and made again with each upgrade. */ -}}

{{- define "asynctask.taskTypes" -}}
{{- $objects := dict -}}
{{- range $path, $_ := .Files.Glob "files/tasktypes/*.yaml" -}}
{{- $type := $.Files.Get $path | fromYaml -}}
{{- if ne (toString $type.kind) "TaskType" -}}
{{- fail (printf "%s is not one TaskType: %s" $path (toString $type)) -}}
{{- end -}}
{{- range $stage := $type.spec.stages -}}
{{- with $stage.job -}}
{{- $_ := set . "image" (include "asynctask.stageImage" (dict "root" $ "image" .image)) -}}
{{- $_ := set . "imagePullPolicy" (default $.Values.stageImages.pullPolicy .imagePullPolicy) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $type.metadata "labels" (merge (include "asynctask.labels" $ | fromYaml) (default dict $type.metadata.labels)) -}}
{{- $_ := set $objects (printf "tasktypes.%s.yaml" $type.metadata.name) ($type | toYaml) -}}
{{- end -}}
{{- toYaml $objects -}}
{{- end -}}

{{- define "asynctask.defaultQueue" -}}
apiVersion: asynctask.io/v1alpha1
kind: TaskQueue
metadata:
  name: default
  labels:
    {{- include "asynctask.labels" . | nindent 4 }}
spec:
  maxRunning: {{ .Values.defaultQueue.maxRunning }}
{{- end -}}

{{- /* One key for each object, PLURAL.NAME.yaml. */ -}}
{{- define "asynctask.objects" -}}
{{- $objects := dict -}}
{{- if .Values.taskTypes.enabled -}}
{{- $objects = include "asynctask.taskTypes" . | fromYaml -}}
{{- end -}}
{{- if .Values.defaultQueue.enabled -}}
{{- $_ := set $objects "taskqueues.default.yaml" (include "asynctask.defaultQueue" .) -}}
{{- end -}}
{{- toYaml $objects -}}
{{- end -}}
