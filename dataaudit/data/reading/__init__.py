"""Reading files and folders into datasets: what several formats share."""
