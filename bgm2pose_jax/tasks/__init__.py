"""Systems: what turns a batch into an update, a prediction and metrics."""
