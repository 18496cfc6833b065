// The image of every pod's sandbox, and of the pods of tests that need no more than a process: it waits to be told to stop.
//
//	pause            wait
//	pause exit CODE  end at once
//	pause eat        take memory until the kernel ends it
//	pause stubborn   ignore the order to stop
//	pause say TEXT   print and end
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

func main() {
	asked := "wait"
	if len(os.Args) > 1 {
		asked = os.Args[1]
	}
	orders := make(chan os.Signal, 1)
	signal.Notify(orders, syscall.SIGTERM, syscall.SIGINT)
	switch asked {
	case "exit":
		code, _ := strconv.Atoi(os.Args[2])
		os.Exit(code)
	case "say":
		fmt.Println(os.Args[2])
		return
	case "eat":
		for eaten := [][]byte{}; ; {
			block := make([]byte, 8<<20)
			for i := range block {
				block[i] = 1
			}
			eaten = append(eaten, block)
		}
	case "stubborn":
		for range orders {
		}
	}
	<-orders
}
