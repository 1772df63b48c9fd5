"""PoseKernel: poses with the impulse responses that they change."""
