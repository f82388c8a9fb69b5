"""Who may run now. `state.AdmissionState` is the entry; `model` has what goes in and comes out."""
