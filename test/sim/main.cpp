// Main of the executables that link the machine, which brings its own panic hook (failure.cpp).
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
