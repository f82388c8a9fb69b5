"""The benchmark behind hack/bench/operator: tasks on simulated pods against bare Jobs on the same cluster."""
