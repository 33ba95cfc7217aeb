// SPDX-License-Identifier: MIT
// fetch URL: prints the page. Its resolver is Go's own, its system calls are no libc's.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	answer, err := http.Get(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	io.Copy(os.Stdout, answer.Body)
}
