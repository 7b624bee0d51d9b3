/* A libnvidia-ml.so.1 for machines without NVIDIA's driver: as many V100s as STUB_GPUS says, of
 * compute capability STUB_CAPABILITY. On the last one, if STUB_PID is set, that process computes,
 * heat has slowed the clock, ECC counted three errors, and persistence mode is off.
 * STUB_PIDS: a file of pairs "GPU process" that compute, too, whenever it is there.
 * STUB_LOAD: mean utilisation in percent, 8 up and down in ten seconds, out of step on each GPU;
 * power, its energy counter, memory and temperature follow; above 270 W the power cap slows it.
 * STUB_SLOWED: a file of pairs "GPU bits", reasons for slowing that come and go with it.
 * STUB_FAIL: a file of lines "function GPU code", what nvmlDeviceGet<function> then returns; any
 * function is *, any GPU -1. STUB_MIG: GPUs that are split into instances.
 * STUB_TRAFFIC: counters of PCIe and NVLink, which V100s lack. STUB_DELAY_US: of each call.
 * With -DOLD it is a driver before 510: without the functions that came later. With -DOLDEST it is
 * one of 2019, whose lists of processes are shorter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OK = 0, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7, DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15 };
typedef struct { int index; } gpu;
typedef struct { unsigned long long total, free, used; } memory;
typedef struct { unsigned pid; unsigned long long bytes; unsigned instance, part; } process;
typedef struct { unsigned gpu, memory; } utilisation;
typedef struct {
    unsigned field, scope;
    long long when, latency;
    int kind, code;
    unsigned long long value;
} field_value;
static gpu gpus[64];
static struct timespec began;

static const char *said(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value ? value : otherwise;
}
static int count(void) { return atoi(said("STUB_GPUS", "2")); }
static int ill(const gpu *g) { return getenv("STUB_PID") && g->index == count() - 1; }
static int text(char *out, unsigned size, const char *value) {
    return snprintf(out, size, "%s", value) < (int)size ? OK : INSUFFICIENT_SIZE;
}
/* what a function is to return by STUB_FAIL */
static int failure(const char *function, const gpu *g) {
    const char *path = getenv("STUB_FAIL");
    const char *delay = getenv("STUB_DELAY_US");
    if (delay) usleep(atoi(delay));
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) return OK;
    char name[64];
    int index, code, found = OK;
    while (fscanf(file, "%63s %d %d", name, &index, &code) == 3)
        if ((!strcmp(name, "*") || !strcmp(name, function)) && (index < 0 || index == g->index))
            found = code;
    fclose(file);
    return found;
}
#define FAIL(function) do { int c = failure(function, g); if (c != OK) return c; } while (0)
static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec - began.tv_sec + (now.tv_nsec - began.tv_nsec) * 1e-9;
}
enum { PERIOD_S = 10, SWING = 8, IDLE_W = 40 };
static const double W_PER_PERCENT = 2.4;
static double load(void) { return atof(said("STUB_LOAD", "0")); }
static double phase(const gpu *g) {
    double x = seconds() / PERIOD_S + g->index / 8.0;
    return x - (long)x;
}
/* up and down in straight lines, so that the energy is known exactly */
static double percent(const gpu *g) {
    double x = phase(g);
    return load() > 0 ? load() + SWING * (x < 0.5 ? 4 * x - 1 : 3 - 4 * x) : 0;
}
static double watts(const gpu *g) { return IDLE_W + W_PER_PERCENT * percent(g); }
static double joules(const gpu *g) {
    double x = phase(g), swing = x < 0.5 ? 2 * x * x - x : 3 * x - 2 * x * x - 1;
    if (load() <= 0) swing = 0;
    double t = seconds();
    return 1e6 + IDLE_W * t + W_PER_PERCENT * (load() * t + SWING * PERIOD_S * swing);
}
/* the bits that a file of pairs has for a GPU */
static unsigned long long bits_for(const gpu *g) {
    unsigned long long found = load() > 0 ? 0 : 1, bits;
    FILE *file = fopen(said("STUB_SLOWED", "/dev/null"), "r");
    for (int index; file && fscanf(file, "%d %llx", &index, &bits) == 2;)
        if (index == g->index) found |= bits;
    if (file) fclose(file);
    return found | (watts(g) > 270 ? 0x4 : 0);
}

int nvmlInit_v2(void) {
    for (int i = 0; i < 64; i++) gpus[i].index = i;
    clock_gettime(CLOCK_MONOTONIC, &began);
    return getenv("STUB_UNLOADED") ? DRIVER_NOT_LOADED : OK;
}
int nvmlInitWithFlags(unsigned flags) { (void)flags; return nvmlInit_v2(); }
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) {
    switch (code) {
    case OK: return "Success";
    case NOT_SUPPORTED: return "Not Supported";
    case 4: return "Insufficient Permissions";
    case DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case 10: return "Timeout";
    case 13: return "Function Not Found";
    case GPU_IS_LOST: return "GPU is lost";
    case 18: return "Driver/library version mismatch";
    default: return "Unknown Error";
    }
}
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
    FAIL("MemoryInfo");
    m->total = 16ULL << 30;
    m->used = ill(g) ? 9ULL << 30 : (3ULL << 20) + (unsigned long long)(percent(g) * (100 << 20));
    m->free = m->total - m->used;
    return OK;
}
int nvmlDeviceGetCudaComputeCapability(gpu *g, int *major, int *minor) {
    (void)g;
    return sscanf(said("STUB_CAPABILITY", "7.0"), "%d.%d", major, minor) == 2 ? OK : 999;
}
int nvmlDeviceGetClockInfo(gpu *g, int type, unsigned *mhz) {
    FAIL("ClockInfo");
    *mhz = type == 2 ? 877 : ill(g) ? 405 : 1380;
    return OK;
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
    FAIL("CurrentClocksThrottleReasons");
    *bits = ill(g) ? 0x40 : bits_for(g);
    return OK;
}
int nvmlDeviceGetUtilizationRates(gpu *g, utilisation *u) {
    FAIL("UtilizationRates");
    if (getenv("STUB_MIG")) return NOT_SUPPORTED;
    u->gpu = percent(g) + 0.5;
    u->memory = u->gpu / 2;
    return OK;
}
int nvmlDeviceGetPowerUsage(gpu *g, unsigned *mw) {
    FAIL("PowerUsage");
    *mw = watts(g) * 1000;
    return OK;
}
int nvmlDeviceGetTotalEnergyConsumption(gpu *g, unsigned long long *mj) {
    FAIL("TotalEnergyConsumption");
    *mj = joules(g) * 1000;
    return OK;
}
/* With STUB_COOLING: "hottest coolest degrees", the last of them lost each time it is asked. */
int nvmlDeviceGetTemperature(gpu *g, int sensor, unsigned *celsius) {
    static int lost[64];
    int hottest, coolest, loss;
    FAIL("Temperature");
    (void)sensor;
    *celsius = 35 + percent(g) / 3;
    if (sscanf(said("STUB_COOLING", ""), "%d %d %d", &hottest, &coolest, &loss) == 3) {
        hottest -= loss * lost[g->index]++;
        *celsius = hottest > coolest ? hottest : coolest;
    }
    return getenv("STUB_NO_TEMPERATURE") ? NOT_SUPPORTED : OK;
}
int nvmlDeviceGetMigMode(gpu *g, unsigned *now, unsigned *next) {
    FAIL("MigMode");
    *now = *next = 1;
    return getenv("STUB_MIG") ? OK : NOT_SUPPORTED;
}
int nvmlDeviceGetFieldValues(gpu *g, int n, field_value *values) {
    FAIL("FieldValues");
    for (int i = 0; i < n; i++) {
        values[i].code = getenv("STUB_TRAFFIC") ? OK : NOT_SUPPORTED;
        values[i].value = seconds() * 1e6;
    }
    return OK;
}
int nvmlDeviceGetEnforcedPowerLimit(gpu *g, unsigned *milliwatts) {
    (void)g;
    *milliwatts = 300000;
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
    FAIL("ComputeRunningProcesses");
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
#ifdef OLDEST
#define OLD
typedef struct { unsigned pid; unsigned long long bytes; } old_process;
int nvmlDeviceGetComputeRunningProcesses(gpu *g, unsigned *n, old_process *p) {
    process found[66];
    unsigned room = *n < 66 ? *n : 66;
    int code = processes(g, &room, found);
    for (unsigned i = 0; code == OK && i < room; i++) p[i] = (old_process){found[i].pid, found[i].bytes};
    *n = room;
    return code;
}
#else
int nvmlDeviceGetComputeRunningProcesses_v2(gpu *g, unsigned *n, process *p) {
    return processes(g, n, p);
}
#endif
#ifndef OLD
int nvmlDeviceGetComputeRunningProcesses_v3(gpu *g, unsigned *n, process *p) {
    return processes(g, n, p);
}
int nvmlDeviceGetCurrentClocksEventReasons(gpu *g, unsigned long long *bits) {
    return nvmlDeviceGetCurrentClocksThrottleReasons(g, bits);
}
#endif
