"""PoseKernelLifter: impulse responses make the pose of an image metric."""
