"""Keypoints of a picture and kernels of a room: metric poses."""
