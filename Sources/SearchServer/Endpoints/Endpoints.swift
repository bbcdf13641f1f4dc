/// The API's endpoints, a list for each subject.
enum Endpoints {}
