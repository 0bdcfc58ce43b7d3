#!/bin/bash
# Trains a zoo under a real Kubernetes of one node on this machine, as the Indexed Job of zoo.yaml, of
# which one pod is killed and another evicted in the middle, and compares the store with that of one
# process.
#
#     CNI_PLUGINS=/usr/lib/cni examples/cluster/try_kubernetes.sh      # as root
#
# Needs on the PATH: kube-apiserver, kube-controller-manager, kube-scheduler, kubelet and kubectl;
# etcd, containerd, ctr and runc; busybox, modeltrail, openssl and ip. CNI_PLUGINS is the folder of the
# plugins ptp, host-local and loopback. Prints what it does; exit status 0 if the stores are the same.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# The cluster has mounts, a network and processes of its own, which end with it. Control groups and what
# the kubelet sets in the kernel are undone here.
cleanup() {
    kill -KILL "$cluster" 2>/dev/null || true
    wait 2>/dev/null || true
    sleep 1
    find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} +
    sysctl --quiet --load=- <<<"$kernel"
    rm -rf "$TRIAL"
}
if [ -z "${TRIAL:-}" ]; then
    for need in kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl etcd containerd \
        ctr runc busybox modeltrail openssl ip "${CNI_PLUGINS:?names the folder of CNI plugins}/ptp"; do
        command -v "$need" >/dev/null || { echo "$need: not found" >&2 && exit 1; }
    done
    if [ -n "$(find /sys/fs/cgroup -maxdepth 2 -name 'kubepods*')" ]; then
        echo "this machine is a node of a cluster already" >&2 && exit 1
    fi
    kernel=$(sysctl vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops \
        kernel.keys.root_maxkeys kernel.keys.root_maxbytes)
    cluster=''
    TRIAL=$(mktemp -d /tmp/kubernetes.XXXXXX)
    export TRIAL
    trap cleanup EXIT
    unshare --mount --net --pid --fork --kill-child --mount-proc "$0" &
    cluster=$!
    wait "$cluster"
    exit
fi

for folder in /run /var/lib /var/log /usr/libexec; do
    mount -t tmpfs tmpfs "$folder"
done
ip link set lo up
ip address add 10.0.0.1/32 dev lo
cd "$TRIAL"
mkdir -p zoos cni image/bin

# The image: the binary, a shell, and the libraries of both. Its entry point, which zoo.yaml overrides,
# sleeps, so that it also serves as the pause container of each pod.
cp "$(command -v modeltrail)" "$(command -v busybox)" image/bin
ln -s busybox image/bin/sh
{ ldd image/bin/* 2>/dev/null || true; } | sed -nE 's/^\t(.* => )?(\/[^ ]+) .*/\2/p' | sort -u |
    xargs --no-run-if-empty cp --dereference --parents --target-directory=image
tar -C image -cf layer.tar .
architecture=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
cat >config.json <<JSON
{"architecture": "$architecture", "os": "linux",
 "config": {"Entrypoint": ["/bin/busybox", "sleep", "1000000"], "Env": ["PATH=/bin"]},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$(sha256sum layer.tar | cut -d ' ' -f 1)"]}}
JSON
cat >manifest.json <<JSON
[{"Config": "config.json", "RepoTags": ["docker.io/library/modeltrail:latest"], "Layers": ["layer.tar"]}]
JSON
tar -cf image.tar manifest.json config.json layer.tar

# The cluster: everything that it does not keep in this folder is below the mounts above.
cat >cni/trial.conflist <<JSON
{"cniVersion": "0.4.0", "name": "trial", "plugins": [
  {"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.1.0.0/24"}}]}
JSON
cat >containerd.toml <<TOML
version = 2
[plugins."io.containerd.internal.v1.opt"]
path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/library/modeltrail:latest"
restrict_oom_score_adj = true   # where root may not lower it
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "$CNI_PLUGINS"
conf_dir = "$TRIAL/cni"
TOML
cat >kubelet.yaml <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
resolvConf: ""
YAML
cat >admin.yaml <<YAML
apiVersion: v1
kind: Config
clusters:
  - name: trial
    cluster: {server: "https://10.0.0.1:6443", certificate-authority: /run/kubernetes/apiserver.crt}
users: [{name: admin, user: {token: trial}}]
contexts: [{name: trial, context: {cluster: trial, user: admin}}]
current-context: trial
YAML
echo trial,admin,admin,system:masters >tokens
openssl genrsa -out key 2048 2>/dev/null
export KUBECONFIG=$TRIAL/admin.yaml HOME=$TRIAL

etcd --data-dir etcd --unsafe-no-fsync >etcd.log 2>&1 &
kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=10.0.0.1 \
    --service-cluster-ip-range=10.2.0.0/24 --authorization-mode=RBAC --token-auth-file=tokens \
    --service-account-issuer=https://10.0.0.1:6443 --service-account-key-file=key \
    --service-account-signing-key-file=key >apiserver.log 2>&1 &
containerd --config containerd.toml >containerd.log 2>&1 &

# Waits until a command succeeds.
until_true() {
    for _ in $(seq 1200); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    echo "in vain: $*" >&2
    tail -n 5 ./*.log >&2
    exit 1
}
until_true kubectl get --raw /readyz
kube-controller-manager --kubeconfig=admin.yaml --use-service-account-credentials \
    --service-account-private-key-file=key --root-ca-file=/run/kubernetes/apiserver.crt \
    >controller-manager.log 2>&1 &
kube-scheduler --kubeconfig=admin.yaml >scheduler.log 2>&1 &
until_true ctr --namespace k8s.io images import image.tar
kubelet --config=kubelet.yaml --kubeconfig=admin.yaml --hostname-override=node --node-ip=10.0.0.1 \
    >kubelet.log 2>&1 &
until_true kubectl wait --for=condition=Ready node/node --timeout=1s
info=.status.nodeInfo
kubectl get nodes --output=custom-columns="KUBELET:$info.kubeletVersion,\
RUNTIME:$info.containerRuntimeVersion,CPUS:.status.allocatable.cpu"

# The volume, then the job.
kubectl apply -f - <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: zoos}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteMany]
  hostPath: {path: $TRIAL/zoos}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: zoos}
spec:
  storageClassName: ""
  volumeName: zoos
  accessModes: [ReadWriteMany]
  resources: {requests: {storage: 1Gi}}
YAML
zoo=(mlp --seeds 40 --epochs 50)
sed "s/zoo train mlp/zoo train ${zoo[*]}/" "$here/zoo.yaml" | kubectl apply -f -

index=batch.kubernetes.io/job-completion-index
until_true test -e zoos/mlp/shard-00000-epoch-000005.segment
container=$(kubectl get pods --selector=$index=0 \
    --output='jsonpath={.items[0].status.containerStatuses[0].containerID}')
ctr --namespace k8s.io tasks kill --signal SIGKILL "${container#containerd://}"
echo "killed part 1 in the middle"
until_true test -e zoos/mlp/shard-00005-epoch-000005.segment
kubectl drain node --pod-selector=$index=1 >/dev/null
kubectl uncordon node >/dev/null
echo "evicted part 2 in the middle"

kubectl wait --for=condition=Complete job/zoo --timeout=600s
kubectl get job/zoo
kubectl get pods --sort-by=.metadata.creationTimestamp --output=custom-columns='POD:.metadata.name,'\
'CREATED:.metadata.creationTimestamp,EXIT:.status.containerStatuses[0].state.terminated.exitCode,'\
'FAILURES BEFORE:.metadata.annotations.batch\.kubernetes\.io/job-index-failure-count'
modeltrail zoo train "${zoo[0]}" --out zoos/alone "${zoo[@]:1}" >/dev/null
modeltrail zoo ls zoos
diff -r zoos/mlp zoos/alone && echo "the same bytes"
