"""A local Kubernetes for development, tests and benchmarks. Standard library only: it runs before anything is set up.

from localcluster import Cluster
cluster = Cluster("my-tests", "control-plane").up()
... cluster.kubeconfig ...
cluster.down()
"""

from .binaries import tool
from .errors import ClusterError
from .native import Cluster

__all__ = ["Cluster", "ClusterError", "tool"]
