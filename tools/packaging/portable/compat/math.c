// exp, log and pow as every glibc has them. Version 2.29 gave them a second version, which does not
// set errno through a user's matherr(); SQLite and libstdc++ bind to it when they are linked.
#if defined(__x86_64__)
#define OLDEST "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define OLDEST "GLIBC_2.17"
#endif

#define OLD(name) __asm__(".symver old_" #name "," #name "@" OLDEST)

double old_exp(double x);
double old_exp2(double x);
double old_log(double x);
double old_log2(double x);
double old_pow(double x, double y);
OLD(exp);
OLD(exp2);
OLD(log);
OLD(log2);
OLD(pow);

double exp(double x) { return old_exp(x); }
double exp2(double x) { return old_exp2(x); }
double log(double x) { return old_log(x); }
double log2(double x) { return old_log2(x); }
double pow(double x, double y) { return old_pow(x, y); }
