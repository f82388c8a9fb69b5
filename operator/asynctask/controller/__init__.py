"""The operator process: kopf delivers events, the Lease decides who acts, workers reconcile."""
