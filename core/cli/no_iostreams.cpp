// Leaves out what prepares std::cin, std::cout and their like: a twelfth of the time that --help takes.
// Boost.Program_options includes <iostream> and so prepares them before main(), but nothing in the
// host uses them (tests/bench/test_budgets.py looks for that). core/meson.build has the linker call
// these two in the place of std::ios_base::Init's constructor and destructor.

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): ld's --wrap has these names
void __wrap__ZNSt8ios_base4InitC1Ev(void* init) noexcept;
void __wrap__ZNSt8ios_base4InitD1Ev(void* init) noexcept;
void __wrap__ZNSt8ios_base4InitC1Ev(void*) noexcept {}
void __wrap__ZNSt8ios_base4InitD1Ev(void*) noexcept {}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
}
