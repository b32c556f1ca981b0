// jetpack/detail/requirements.hpp: what jetpack's C++ headers need of a compiler, in one sentence.
// Every one of them includes it before anything else, most through jetpack/error.hpp.
#pragma once

// The file that does not exist stops the compiler, which would list hundreds of errors otherwise.
#if __cplusplus < 202002L
#error "jetpack's C++ headers need -std=c++20 or newer; other plugins include <jetpack/abi.h> alone"
#include <jetpack/detail/needs-cxx20>
#elif !defined(__cpp_exceptions)
#error "jetpack's C++ headers need exceptions; plugins without them include <jetpack/abi.h> alone"
#include <jetpack/detail/needs-exceptions>
#endif
