module cluster/pause

go 1.22
