/* Loads the shared object that it is given, and calls it: what a static program cannot do. */
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char **arguments) {
    void *plugin = count > 1 ? dlopen(arguments[1], RTLD_NOW) : NULL;
    int (*answer)(void) = plugin ? (int (*)(void))dlsym(plugin, "answer") : NULL;
    if (answer == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    printf("the plug-in says %d\n", answer());
    return 0;
}
