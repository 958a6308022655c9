"""What a signature proves, with keys made for the test and, where it is installed, the real ssh-keygen."""
