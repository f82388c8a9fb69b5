module asynctask.io/localcluster/pause

go 1.22
