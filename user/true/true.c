// true: status 0, no output.
int main(void) {
  return 0;
}
