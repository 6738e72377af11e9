"""Words that made-up people are made of. Nobody in here is real."""

from __future__ import annotations

FIRST_NAMES = tuple(
    """
Aaliyah Aaron Abigail Adam Adriana Agnieszka Aiko Aisha Alan Alejandra Alex Alice Alma Amara Amelia Amir Ana Anaïs
Andre Andrea Andrew Anita Anna Anthony Antonia April Arjun Astrid Aurélie Ava Barbara Beatriz Ben Bianca Björn Brandon
Brenda Brian Bridget Bruno Caleb Camila Carla Carlos Carmen Caroline Cecilia Chantal Charles Charlotte Chen Chidi
Chloé Christina Christopher Clara Colin Connor Cristián Dafna Daniel Daniela Darius Darnell David Deborah Denise
Derek Diana Diego Dmitri Dolores Dominic Donna Dorothy Edgar Edward Eileen Eléonore Elena Eli Elizabeth Emeka Emily
Emma Enrique Eric Esperanza Esther Ethan Eva Evelyn Fatima Felipe Fernando Fiona Frances Francisco Frank Gabriel
Gabriela Gail George Gloria Grace Graham Gregory Guadalupe Gustavo Hannah Harold Haruto Hassan Heather Hector Heidi
Helen Henry Hiro Hugo Ian Ibrahim Imani Ingrid Irene Isaac Isabel Ivan Ivy Jack Jacob Jada James Jamila Jane Janet
Jasmine Jason Javier Jennifer Jerome Jesús Jill Joan Joaquín John Jonas José Joseph Joshua Joyce Juan Judith Julia
Julián Karen Kareem Kate Kavita Keiko Keisha Kelly Kenneth Kevin Khalid Kim Kofi Kyle Lakshmi Lars Latoya Laura Leah
Leila Leo Léa Linda Lisa Lorenzo Lucas Lucía Luis Luz Lydia Maeve Malik Mara Marcus Margaret María Mark Marlene
Martin Mary Mateo Matthew Maya Megan Mei Melissa Michael Michelle Miguel Mina Mohammed Mónica Nadia Naomi Natalie
Nathan Neil Nia Nicholas Nicole Niamh Nina Noah Noemí Nora Olga Oliver Olivia Omar Oscar Pablo Pamela Patricia Patrick
Paul Paula Pedro Peter Philip Phoebe Priya Rachel Rafael Ramona Raúl Raymond Rebecca Renée Ricardo Richard Rita Robert
Roberto Rosa Rosalind Ruth Ryan Sabine Samir Samuel Sandra Sara Sean Sebastián Sergio Shanice Sharon Sheila Simone
Siobhán Sofía Søren Stacy Stephanie Steven Sunita Susan Sven Tamara Tanya Teresa Thandiwe Theodore Thomas Tiffany
Timothy Tobias Tomás Tyrone Ursula Valentina Vanessa Vera Victor Victoria Vikram Vincent Viola Walter Wendy Wei
William Xavier Ximena Yasmin Yolanda Yuki Yusuf Zachary Zainab Zoë Jean-Luc Mary-Kate Anne-Sophie Ana-María
""".split()  # noqa: SIM905 -- four hundred quoted words are no list anybody reads
)

LAST_NAMES = tuple(
    """
Abbott Abdullah Abrams Acosta Adeyemi Agarwal Aguilar Ahmed Albrecht Alexander Ali Allen Álvarez Amari Andersen
Anderson Appleton Arnold Arroyo Ashford Atkins Ávila Bailey Baker Baldwin Banerjee Banks Barnes Barrett Bauer Becker
Bell Beltrán Benítez Bennett Berg Bernard Bianchi Bishop Black Blackwood Blair Boateng Bouchard Bowman Boyd Bradley
Brandt Brennan Brooks Brown Bryant Burke Burns Butler Byrne Cabrera Calderón Campbell Cárdenas Carlson Carpenter
Carter Castillo Castro Chan Chandra Chang Chapman Chávez Chen Chowdhury Christensen Clark Clarke Cohen Coleman Collins
Contreras Cook Cooper Córdoba Cortez Costa Cox Crawford Cruz Cunningham Curtis Dahl Daniels Davidson Davies Davis
Dawson Delacroix Delgado Desai Díaz Dixon Dombrowski Domínguez Doyle Dubois Duncan Dunn Durand Edwards Ekström Elliott
Ellis Erickson Espinoza Estrada Evans Farouk Fernández Ferrari Fields Figueroa Fischer Fisher Fitzgerald Fletcher
Flores Ford Foster Fournier Fox Franklin Freeman Friedman Fuentes Fujimoto Fuller Gallagher Garcia Gardner Garrett
Ghosh Gibson Gilbert Gómez Gonçalves González Goodwin Gordon Graham Grant Graves Green Greene Griffin Gupta Gutiérrez
Guzmán Haddad Hale Hamilton Hansen Hanson Harper Harris Harrison Hart Hassan Hawkins Hayes Henderson Hernández Herrera
Hicks Hoffmann Holland Holm Holt Horváth Howard Hudson Huang Hughes Hunt Hussein Ibarra Iglesias Ito Ivanov Jackson
Jacobs Jansen Jefferson Jenkins Jensen Jiménez Johansson Johnson Jones Jordan Joshi Kaminski Kapoor Katz Kaufman Kaya
Keller Kelly Kennedy Khan Kim King Klein Knight Kovács Kowalski Kramer Krause Kumar Lambert Larsen Lawrence Lawson
Leblanc Lee Lehmann León Leroy Levine Lewis Li Lim Lindqvist Lopez Lozano Lund Lynch MacDonald Machado Maier Malone
Marín Marsh Marshall Martin Martínez Mason Matthews Mbeki McCarthy McKenzie McNamara Medina Mehta Mendoza Meyer Miller
Mitchell Molina Montgomery Moore Morales Moreau Moreno Morgan Mori Morris Müller Muñoz Murphy Murray Nakamura Nash
Navarro Nelson Newman Nguyen Nielsen Noble Novak Nowak Núñez Obi Ochoa Okafor Olsen Onyango Ortega Ortiz Osborne
Owens Pacheco Padilla Palmer Papadopoulos Park Parker Patel Pearson Peña Pereira Pérez Perry Petersen Pham Phillips
Pierce Popescu Porter Powell Price Quinn Quiñones Rahman Ramírez Ramos Rao Reed Reyes Reynolds Richter Riley Rivera
Roberts Robinson Rodríguez Rojas Romano Rosenberg Ross Rossi Rousseau Ruiz Russell Ryan Saito Salazar Saldívar Sánchez
Sandoval Santos Sato Schäfer Schmidt Schneider Schultz Schwartz Scott Serrano Shah Sharma Silva Simmons Singh Smith
Sokolov Solís Soto Spencer Stewart Stone Sullivan Suzuki Svensson Takahashi Tanaka Taylor Thompson Torres Tran Turner
Ueda Valdés Valencia Vance Vargas Vásquez Vega Vogel Wagner Walker Wallace Walsh Wang Ward Washington Watanabe Weber
Weiss West White Wilson Wójcik Wong Wood Wright Yamamoto Yang Yilmaz Young Zamora Zhang Ziegler Zimmermann
Smith-Jones García-López Müller-Lüdenscheidt O'Brien O'Connor O'Neill D'Angelo D'Souza Saint-Pierre Lloyd-Webber
""".split()  # noqa: SIM905 -- four hundred quoted words are no list anybody reads
)
DOUBLE_LAST_NAMES = ("de la Cruz", "van der Berg", "St. James", "Del Río", "von Trapp", "Le Guin", "Mac Gabhann")

NICKNAMES = {
    "Abigail": "Abby", "Alejandra": "Ale", "Andrew": "Andy", "Anthony": "Tony", "Barbara": "Barb",
    "Benjamin": "Ben", "Charles": "Charlie", "Charlotte": "Lottie", "Christina": "Tina", "Christopher": "Chris",
    "Daniel": "Dan", "David": "Dave", "Deborah": "Debbie", "Edward": "Ed", "Elizabeth": "Liz", "Fernando": "Nando",
    "Francisco": "Paco", "Gabriela": "Gaby", "Gregory": "Greg", "Guadalupe": "Lupe", "Isabel": "Isa", "Jacob": "Jake",
    "James": "Jim", "Jennifer": "Jen", "Jessica": "Jess", "John": "Jack", "José": "Pepe", "Joseph": "Joe",
    "Joshua": "Josh", "Kenneth": "Ken", "Margaret": "Peggy", "Matthew": "Matt", "Melissa": "Mel", "Michael": "Mike",
    "Michelle": "Shelly", "Nathan": "Nate", "Nicholas": "Nick", "Pamela": "Pam", "Patricia": "Pat", "Patrick": "Paddy",
    "Philip": "Phil", "Rafael": "Rafa", "Raymond": "Ray", "Rebecca": "Becky", "Richard": "Rick", "Robert": "Bob",
    "Samuel": "Sam", "Sandra": "Sandy", "Stephanie": "Steph", "Steven": "Steve", "Susan": "Sue", "Theodore": "Ted",
    "Thomas": "Tom", "Timothy": "Tim", "Victoria": "Vicky", "Vincent": "Vince", "Walter": "Walt", "William": "Bill",
    "Zachary": "Zach",
}  # fmt: skip

PLACES = (
    ("Atlanta", "GA", "303", (404, 470, 678)), ("Savannah", "GA", "314", (912,)), ("Austin", "TX", "787", (512, 737)),
    ("Houston", "TX", "770", (713, 281, 832)), ("Phoenix", "AZ", "850", (602, 480)),
    ("Denver", "CO", "802", (303, 720)),
    ("Seattle", "WA", "981", (206, 425)), ("Portland", "OR", "972", (503, 971)), ("Chicago", "IL", "606", (312, 773)),
    ("Los Angeles", "CA", "900", (213, 310, 323)), ("San José", "CA", "951", (408, 669)),
    ("San Francisco", "CA", "941", (415, 628)),
    ("Minneapolis", "MN", "554", (612,)), ("Boston", "MA", "021", (617, 857)), ("Brooklyn", "NY", "112", (718, 917)),
    ("Charlotte", "NC", "282", (704, 980)), ("Nashville", "TN", "372", (615, 629)), ("Miami", "FL", "331", (305, 786)),
    ("Tampa", "FL", "336", (813, 656)), ("St. Louis", "MO", "631", (314,)), ("Coeur d'Alene", "ID", "838", (208,)),
    ("Philadelphia", "PA", "191", (215, 267)),
)  # fmt: skip

STREETS = (
    "Maple", "Oak", "Peachtree", "Magnolia", "Washington", "Lincoln", "Highland", "Lakeview", "Sunset", "Juniper",
    "Cedar Ridge", "Martin Luther King Jr", "San Gabriel", "Old Mill", "Church", "Cañon", "Riverside", "Willow",
)  # fmt: skip
STREET_KINDS = ("St", "Ave", "Blvd", "Ln", "Dr", "Ct", "Way", "Rd")

STAGES = ("new", "attempted", "contacted", "appointment", "showing", "under_contract", "closed")
"""Each simulated vendor has its own word for these."""
STAGE_WEIGHTS = (30, 20, 22, 8, 8, 6, 6)

SOURCES = (
    "Website", "Zillow", "Open House", "Referral", "Facebook", "Google", "Sign Call", "Realtor.com", "Past Client",
)  # fmt: skip
LABELS = (
    "Hot Lead", "First-time buyer", "Investor", "Relocation", "Waterfront", "Pre-approved", "VIP",
    "Follow up in spring",
    "Downsizing", "New construction", "Español", "Dog person 🐕", "Do not text", "Open house 3/14", "Luxury",
)  # fmt: skip

OPENINGS = (
    "Called, no answer. Left a voicemail.",
    "Spoke for ten minutes.",
    "Met at the open house on {street}.",
    "Texted back: still looking.",
    "Wants to see three houses on Saturday.",
    "Pre-approval came through! 🎉",
    "Lease ends in June; will not renew.",
    "Asked for comps around {city}.",
    "Prefers e-mail over calls.",
    "Ist auf der Suche nach einem Haus mit Garten – spricht auch Deutsch.",
    "Busca una casa con jardín; prefiere hablar en español.",
    "希望找带院子的房子。",
)
DETAILS = (
    "- 3 bedrooms, 2 baths\n- a garage\n- quiet street",
    "Budget: about $450k, flexible for the right place.",
    "Next step: send the listing sheet, then call on Tuesday.",
    "Kids change schools in August, so closing has to be before that.",
    "🏡 Loves the craftsman style, dislikes HOAs.",
    "Partner travels; weekends only.",
)
