"""What pages share: the skeleton player, its packed poses, one HTML shell."""
