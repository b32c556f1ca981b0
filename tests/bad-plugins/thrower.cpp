// thrower.cpp: lets an exception out of a plugin in C, which the contract forbids.
extern "C" void throw_it() { throw 42; }
