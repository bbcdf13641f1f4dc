// What the files here share: functions of the standard library, and of the sanitizer's runtime.

#pragma once

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

// Of the sanitizer's runtime in the tests' executable. Programs that the tests start have none.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

// A function or variable of the standard library. Another version of Swift may have no such one.
static void *library(const char *name) {
    void *symbol = dlsym(RTLD_NEXT, name);
    if (!symbol && __tsan_acquire) {
        fprintf(stderr, "Tests/tsan: this version of Swift has no %s\n", name);
        abort();
    }
    return symbol;
}
