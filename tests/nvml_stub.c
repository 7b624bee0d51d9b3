/* A libnvidia-ml.so.1 for machines without NVIDIA's driver: as many GPUs as STUB_GPUS says, of
 * compute capability STUB_CAPABILITY. On the last one, if STUB_PID is set, that process computes,
 * heat has slowed the clock, ECC counted three errors, and persistence mode is off.
 * STUB_PIDS: a file of pairs "GPU process" that compute, too, whenever it is there.
 * With -DOLD it is a driver before 510: without the functions that came later. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, INSUFFICIENT_SIZE = 7, DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15 };
typedef struct { int index; } gpu;
typedef struct { unsigned long long total, free, used; } memory;
typedef struct { unsigned pid; unsigned long long bytes; unsigned instance, part; } process;
static gpu gpus[64];

static const char *said(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value ? value : otherwise;
}
static int count(void) { return atoi(said("STUB_GPUS", "2")); }
static int ill(const gpu *g) { return getenv("STUB_PID") && g->index == count() - 1; }
static int text(char *out, unsigned size, const char *value) {
    return snprintf(out, size, "%s", value) < (int)size ? OK : INSUFFICIENT_SIZE;
}

int nvmlInit_v2(void) {
    for (int i = 0; i < 64; i++) gpus[i].index = i;
    return getenv("STUB_UNLOADED") ? DRIVER_NOT_LOADED : OK;
}
int nvmlInitWithFlags(unsigned flags) { (void)flags; return nvmlInit_v2(); }
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) { return code == OK ? "Success" : "Stub Error"; }
int nvmlSystemGetDriverVersion(char *out, unsigned size) {
    return text(out, size, said("STUB_DRIVER", "470.57.02"));
}
int nvmlSystemGetCudaDriverVersion(int *v) { *v = 11040; return OK; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = count(); return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, gpu **g) {
    *g = &gpus[i];
    return getenv("STUB_LOST") ? GPU_IS_LOST : OK;
}
int nvmlDeviceGetName(gpu *g, char *out, unsigned size) {
    (void)g;
    return text(out, size, "Tesla V100-SXM2-16GB");
}
int nvmlDeviceGetUUID(gpu *g, char *out, unsigned size) {
    return snprintf(out, size, "GPU-%08d-aaaa", g->index) > 0 ? OK : INSUFFICIENT_SIZE;
}
int nvmlDeviceGetMemoryInfo(gpu *g, memory *m) {
    m->total = 16ULL << 30;
    m->used = ill(g) ? 9ULL << 30 : 3ULL << 20;
    m->free = m->total - m->used;
    return OK;
}
int nvmlDeviceGetCudaComputeCapability(gpu *g, int *major, int *minor) {
    (void)g;
    return sscanf(said("STUB_CAPABILITY", "7.0"), "%d.%d", major, minor) == 2 ? OK : 999;
}
int nvmlDeviceGetClockInfo(gpu *g, int type, unsigned *mhz) {
    (void)type;
    *mhz = ill(g) ? 405 : 1380;
    return OK;
}
/* As in STUB_COOLING: "hottest coolest degrees", the last of them lost with each time it is asked. */
int nvmlDeviceGetTemperature(gpu *g, int sensor, unsigned *degrees) {
    static int lost[64];
    int hottest = 40, coolest = 40, loss = 0;
    (void)sensor;
    sscanf(said("STUB_COOLING", ""), "%d %d %d", &hottest, &coolest, &loss);
    hottest -= loss * lost[g->index]++;
    *degrees = hottest > coolest ? hottest : coolest;
    return getenv("STUB_NO_TEMPERATURE") ? 3 : OK;
}
int nvmlDeviceGetMaxClockInfo(gpu *g, int type, unsigned *mhz) {
    (void)g, (void)type;
    *mhz = 1530;
    return OK;
}
int nvmlDeviceGetApplicationsClock(gpu *g, int type, unsigned *mhz) {
    (void)g, (void)type;
    *mhz = atoi(said("STUB_APPLICATION_CLOCK", "1312"));
    return OK;
}
int nvmlDeviceGetDefaultApplicationsClock(gpu *g, int type, unsigned *mhz) {
    (void)g, (void)type;
    *mhz = 1312;
    return OK;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(gpu *g, unsigned long long *bits) {
    *bits = ill(g) ? 0x40 : 0x1;
    return OK;
}
int nvmlDeviceGetPersistenceMode(gpu *g, unsigned *on) { *on = !ill(g); return OK; }
int nvmlDeviceGetEccMode(gpu *g, unsigned *now, unsigned *next) {
    (void)g;
    *now = *next = 1;
    return OK;
}
int nvmlDeviceGetTotalEccErrors(gpu *g, int kind, int counter, unsigned long long *errors) {
    *errors = ill(g) && kind == 1 && counter == 0 ? 3 : 0;
    return OK;
}
static int processes(gpu *g, unsigned *n, process *found) {
    unsigned room = *n;
    process all[66];
    unsigned number = 0;
    if (ill(g)) all[number++] = (process){atoi(getenv("STUB_PID")), 8ULL << 30, ~0u, ~0u};
    FILE *file = fopen(said("STUB_PIDS", "/dev/null"), "r");
    for (int index, pid; file && fscanf(file, "%d %d", &index, &pid) == 2 && number < 66;)
        if (index == g->index) all[number++] = (process){pid, 1ULL << 30, ~0u, ~0u};
    if (file) fclose(file);
    *n = number;
    if (number > room) return INSUFFICIENT_SIZE;
    memcpy(found, all, number * sizeof *all);
    return OK;
}
int nvmlDeviceGetComputeRunningProcesses_v2(gpu *g, unsigned *n, process *p) {
    return processes(g, n, p);
}
#ifndef OLD
int nvmlDeviceGetComputeRunningProcesses_v3(gpu *g, unsigned *n, process *p) {
    return processes(g, n, p);
}
int nvmlDeviceGetCurrentClocksEventReasons(gpu *g, unsigned long long *bits) {
    return nvmlDeviceGetCurrentClocksThrottleReasons(g, bits);
}
#endif
