// Xapian's side of bench_search: documents per second, of words that are analysed already, one document a line, without
// positions. Built by hand: g++ -O3 bench/peers/xapian_index.cpp -lxapian -o xapian_index
//
//   xapian_index WORDS FOLDER

#include <chrono>
#include <fstream>
#include <iostream>
#include <sstream>

#include <xapian.h>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::ifstream in(argv[1]);
  const auto start = std::chrono::steady_clock::now();
  size_t documents = 0;
  {
    Xapian::WritableDatabase database(argv[2], Xapian::DB_CREATE_OR_OVERWRITE);
    std::string word;
    for (std::string line; std::getline(in, line); ++documents) {
      Xapian::Document document;
      std::istringstream words(line);
      while (words >> word)
        if (word.size() <= 240) document.add_term(word);
      database.add_document(document);
    }
    database.commit();
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::cout << "{\"documents\":" << documents << ",\"seconds\":" << seconds
            << ",\"documents_per_s\":" << static_cast<double>(documents) / seconds << "}" << std::endl;
}
