"""Attribution backends: how much each training sample moves each prediction, one file a method."""
